"""The site that `benchmarks.stranger` attacks."""
