// zod makes functions from text unless it is told not to before its first schema is made, and the page's policy forbids it.
import { config } from "zod/v4/core";

config({ jitless: true });
