"""What tests share: tiny models and corpora, hard texts, a served model, a browser."""
