"""The nouns: values and protocols that every room may use and that do nothing by themselves."""
