"""Typed decoding of what arrives. Each module turns a `Message` into one event, or says why it is none.

Everything up to "this concerns us" uses the standard library alone: most messages end there, on a cold start too.
"""
