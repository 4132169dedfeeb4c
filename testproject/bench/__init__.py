"""The smallest server there is, for measuring what a call costs."""
