"""One cleaning and one tokenizer: text -> cleaned text -> token ids."""
