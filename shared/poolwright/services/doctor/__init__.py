"""Whether a deployment can do its work, and what to do where it cannot. Read-only.

`observing` looks, once, at everything outside; `checks` are pure and each say what they find in that; `examine` puts
them together. What cannot be looked at is unknown, with the reason, and costs the other checks nothing.
"""
