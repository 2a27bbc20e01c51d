"""The story of poolwright, played on the stand-in with the functions as they deploy."""
