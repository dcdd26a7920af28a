"""Cleaning and tokenization: text -> cleaned text -> token ids."""
