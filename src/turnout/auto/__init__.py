"""The auto router: which model suits a prompt, judged from evidence, without a network and without a language model."""
