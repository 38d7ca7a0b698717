"""One file or folder per wire dialect in ``dialects``; OpenAI-compatible providers are rows of ``compatible.toml``.

A dialect is an adapter (``adapter``) made of a request's way out and an answer's way in. Out: ``conversation`` and
``tools`` read a chat request, ``details`` the thoughts that come back with it, ``letters`` and ``plain_parts`` are what
bodies have in common, ``media`` puts files inline, ``schemas`` makes JSON schemas fit, ``heads`` writes the head. In:
``events`` cuts streams, ``said`` sorts whole answers, ``deltas`` tells both in the gateway's words, ``usage`` counts,
``failures`` says what errors mean.

The OpenAI dialect itself is ``openai`` with ``messages``, ``mending``, ``reading``, ``reasoning`` and ``sources``. What
several dialects speak stands beside them: ``gemini``, ``claude_manners`` and ``claude_thinking``; ``access_tokens``,
``sigv4`` and ``eventstream`` are the protocols of clouds. ``embeddings`` and ``errands`` are what providers do beside
conversations, ``fake`` is a provider for tests and trials.
"""
