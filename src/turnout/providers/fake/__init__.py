"""A provider without a model: a real server on loopback whose model names choose what it answers and how it fails."""

from turnout.providers.fake.server import FakeProvider
from turnout.providers.fake.words import MODELS, Behaviour, UnknownWord, parse_words

__all__ = ["MODELS", "Behaviour", "FakeProvider", "UnknownWord", "parse_words"]
