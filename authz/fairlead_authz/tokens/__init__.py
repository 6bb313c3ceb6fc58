"""Tokens: what they are, what they are good for, who may make and end them."""
