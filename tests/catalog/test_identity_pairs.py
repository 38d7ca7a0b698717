"""Two hundred names that providers give to models, and what OpenRouter calls those models, judged by hand."""

import pytest

from turnout.catalog.build import merge
from turnout.catalog.ours import our_facts
from turnout.catalog.rows import Row
from turnout.domain.provider import Provider
from turnout.domain.usage import Pricing

JUDGED = """\
openai gpt-4o openai/gpt-4o
openai gpt-4o-mini openai/gpt-4o-mini
openai gpt-4.1 openai/gpt-4.1
openai gpt-4.1-nano openai/gpt-4.1-nano
openai gpt-5 openai/gpt-5
openai gpt-5-mini openai/gpt-5-mini
openai gpt-5.1-codex-max openai/gpt-5.1-codex-max
openai gpt-5.4 openai/gpt-5.4
openai o1-pro openai/o1-pro
openai o3-mini openai/o3-mini
openai o4-mini-deep-research openai/o4-mini-deep-research
openai gpt-3.5-turbo-0613 openai/gpt-3.5-turbo-0613
openai gpt-4-1106-preview openai/gpt-4-1106-preview
openai text-embedding-3-large openai/text-embedding-3-large
openai text-embedding-ada-002 openai/text-embedding-ada-002
openai gpt-image-1 openai/gpt-image-1
openai codex-mini-latest openai/codex-mini
azure gpt-4o openai/gpt-4o
azure gpt-5-chat openai/gpt-5-chat
azure o3 openai/o3
azure claude-opus-4-5 anthropic/claude-opus-4.5
azure cohere-command-a cohere/command-a
azure cohere-embed-v-4-0 cohere/embed-v4.0
azure cohere-embed-v3-english cohere/embed-english-v3.0
azure cohere-embed-v3-multilingual cohere/embed-multilingual-v3.0
azure mistral-nemo mistralai/mistral-nemo
azure phi-4-mini microsoft/phi-4-mini
azure llama-3.3-70b-instruct meta-llama/llama-3.3-70b-instruct
azure meta-llama-3.1-8b-instruct meta-llama/llama-3.1-8b-instruct
azure deepseek-v3-0324 deepseek/deepseek-chat-v3-0324
azure grok-4-fast-reasoning x-ai/grok-4-fast-reasoning
anthropic claude-3-haiku-20240307 anthropic/claude-3-haiku
anthropic claude-3-opus-20240229 anthropic/claude-3-opus
anthropic claude-3-5-sonnet-20241022 anthropic/claude-3.5-sonnet
anthropic claude-3-5-haiku-latest anthropic/claude-3.5-haiku
anthropic claude-3-7-sonnet-20250219 anthropic/claude-3.7-sonnet
anthropic claude-sonnet-4-20250514 anthropic/claude-sonnet-4
anthropic claude-opus-4-0 anthropic/claude-opus-4
anthropic claude-opus-4-1-20250805 anthropic/claude-opus-4.1
anthropic claude-sonnet-4-5-20250929 anthropic/claude-sonnet-4.5
anthropic claude-haiku-4-5 anthropic/claude-haiku-4.5
anthropic claude-opus-4-6 anthropic/claude-opus-4.6
bedrock anthropic.claude-3-haiku-20240307-v1:0 anthropic/claude-3-haiku
bedrock us.anthropic.claude-sonnet-4-5-20250929-v1:0 anthropic/claude-sonnet-4.5
bedrock eu.anthropic.claude-opus-4-5-20251101-v1:0 anthropic/claude-opus-4.5
bedrock global.anthropic.claude-opus-4-6-v1 anthropic/claude-opus-4.6
bedrock anthropic.claude-3-5-sonnet-20240620-v1:0:200k anthropic/claude-3.5-sonnet
bedrock amazon.nova-micro-v1:0 amazon/nova-micro-v1
bedrock amazon.nova-pro-v1:0 amazon/nova-pro-v1
bedrock us.amazon.nova-premier-v1:0 amazon/nova-premier-v1
bedrock amazon.nova-2-lite-v1:0 amazon/nova-2-lite-v1
bedrock amazon.titan-embed-text-v2:0 amazon/titan-embed-text-v2
bedrock meta.llama3-1-70b-instruct-v1:0 meta-llama/llama-3.1-70b-instruct
bedrock us.meta.llama3-3-70b-instruct-v1:0 meta-llama/llama-3.3-70b-instruct
bedrock us.meta.llama4-maverick-17b-instruct-v1:0 meta-llama/llama-4-maverick
bedrock mistral.mistral-large-2407-v1:0 mistralai/mistral-large-2407
bedrock mistral.mixtral-8x7b-instruct-v0:1 mistralai/mixtral-8x7b-instruct
bedrock cohere.command-r-plus-v1:0 cohere/command-r-plus
bedrock cohere.embed-english-v3 cohere/embed-english-v3.0
bedrock cohere.embed-v4:0 cohere/embed-v4.0
bedrock cohere.rerank-v3-5:0 cohere/rerank-v3.5
bedrock deepseek.r1-v1:0 deepseek/deepseek-r1
bedrock deepseek.v3-v1:0 deepseek/deepseek-chat-v3.1
bedrock openai.gpt-oss-120b-1:0 openai/gpt-oss-120b
bedrock qwen.qwen3-32b-v1:0 qwen/qwen3-32b
bedrock ai21.jamba-1-5-large-v1:0 ai21/jamba-1.5-large
bedrock minimax.minimax-m2 minimax/minimax-m2
bedrock moonshot.kimi-k2-thinking moonshotai/kimi-k2-thinking
bedrock zai.glm-4.7 z-ai/glm-4.7
bedrock writer.palmyra-x5-v1:0 writer/palmyra-x5
vertex claude-3-5-haiku@20241022 anthropic/claude-3.5-haiku
vertex claude-opus-4-1@20250805 anthropic/claude-opus-4.1
vertex claude-sonnet-4-6@default anthropic/claude-sonnet-4.6
vertex gemini-2.5-pro google/gemini-2.5-pro
vertex meta/llama-4-maverick-17b-128e-instruct-maas meta-llama/llama-4-maverick
vertex deepseek-ai/deepseek-v3.1-maas deepseek/deepseek-chat-v3.1
vertex openai/gpt-oss-20b-maas openai/gpt-oss-20b
vertex qwen/qwen3-235b-a22b-instruct-2507-maas qwen/qwen3-235b-a22b-2507
vertex zai-org/glm-4.7-maas z-ai/glm-4.7
vertex moonshotai/kimi-k2-thinking-maas moonshotai/kimi-k2-thinking
google gemini-2.5-flash google/gemini-2.5-flash
google gemini-2.5-flash-lite-preview-09-2025 google/gemini-2.5-flash-lite-preview-09-2025
google gemini-3.1-pro-preview google/gemini-3.1-pro-preview
google models/gemini-2.0-flash google/gemini-2.0-flash-001
google gemma-3-27b-it google/gemma-3-27b-it
google gemini-embedding-001 google/gemini-embedding-001
google imagen-4.0-generate-001 google/imagen-4.0-generate-001
mistral mistral-large-2411 mistralai/mistral-large-2411
mistral mistral-large-latest mistralai/mistral-large
mistral mistral-medium-2508 mistralai/mistral-medium-3.1
mistral mistral-medium-2505 mistralai/mistral-medium-3
mistral codestral-2508 mistralai/codestral-2508
mistral devstral-small-2507 mistralai/devstral-small
mistral ministral-8b-2512 mistralai/ministral-8b-2512
mistral open-mistral-nemo mistralai/mistral-nemo
mistral open-mixtral-8x22b mistralai/mixtral-8x22b-instruct
mistral pixtral-large-2411 mistralai/pixtral-large-2411
mistral mistral-embed mistralai/mistral-embed
mistral voxtral-small-2507 mistralai/voxtral-small-24b-2507
cohere command-a-03-2025 cohere/command-a
cohere command-r-08-2024 cohere/command-r-08-2024
cohere command-r-plus-08-2024 cohere/command-r-plus-08-2024
cohere command-r7b-12-2024 cohere/command-r7b-12-2024
cohere embed-english-v3.0 cohere/embed-english-v3.0
cohere rerank-v3.5 cohere/rerank-v3.5
groq llama-3.3-70b-versatile meta-llama/llama-3.3-70b-instruct
groq llama-3.1-8b-instant meta-llama/llama-3.1-8b-instruct
groq openai/gpt-oss-120b openai/gpt-oss-120b
groq moonshotai/kimi-k2-instruct-0905 moonshotai/kimi-k2-0905
groq qwen/qwen3-32b qwen/qwen3-32b
groq meta-llama/llama-4-scout-17b-16e-instruct meta-llama/llama-4-scout
groq deepseek-r1-distill-llama-70b deepseek/deepseek-r1-distill-llama-70b
groq gemma2-9b-it google/gemma-2-9b-it
groq qwen-qwq-32b qwen/qwq-32b
groq mistral-saba-24b mistralai/mistral-saba
groq llama3-70b-8192 meta-llama/llama-3-70b-instruct
groq meta-llama/llama-guard-4-12b meta-llama/llama-guard-4-12b
groq groq/compound groq/compound
cerebras llama3.1-8b meta-llama/llama-3.1-8b-instruct
cerebras llama-3.3-70b meta-llama/llama-3.3-70b-instruct
cerebras gpt-oss-120b openai/gpt-oss-120b
cerebras qwen-3-235b-a22b-instruct-2507 qwen/qwen3-235b-a22b-2507
cerebras qwen-3-coder-480b qwen/qwen3-coder
cerebras zai-glm-4.7 z-ai/glm-4.7
together meta-llama/Llama-3.3-70B-Instruct-Turbo meta-llama/llama-3.3-70b-instruct
together meta-llama/Meta-Llama-3.1-405B-Instruct-Turbo meta-llama/llama-3.1-405b-instruct
together meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8 meta-llama/llama-4-maverick
together deepseek-ai/DeepSeek-R1 deepseek/deepseek-r1
together deepseek-ai/DeepSeek-V3 deepseek/deepseek-chat
together deepseek-ai/DeepSeek-V3.1 deepseek/deepseek-chat-v3.1
together Qwen/Qwen3-235B-A22B-Instruct-2507-tput qwen/qwen3-235b-a22b-2507
together Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8 qwen/qwen3-coder
together Qwen/Qwen2.5-72B-Instruct-Turbo qwen/qwen-2.5-72b-instruct
together zai-org/GLM-4.6 z-ai/glm-4.6
together moonshotai/Kimi-K2-Instruct moonshotai/kimi-k2
together mistralai/Mixtral-8x7B-Instruct-v0.1 mistralai/mixtral-8x7b-instruct
together mistralai/Mistral-7B-Instruct-v0.3 mistralai/mistral-7b-instruct-v0.3
together google/gemma-3n-E4B-it google/gemma-3n-e4b-it
together BAAI/bge-large-en-v1.5 baai/bge-large-en-v1.5
together nvidia/Llama-3.1-Nemotron-70B-Instruct-HF nvidia/llama-3.1-nemotron-70b-instruct
fireworks accounts/fireworks/models/llama-v3p1-8b-instruct meta-llama/llama-3.1-8b-instruct
fireworks accounts/fireworks/models/deepseek-v3p1 deepseek/deepseek-chat-v3.1
fireworks accounts/fireworks/models/deepseek-v3p2 deepseek/deepseek-v3.2
fireworks accounts/fireworks/models/glm-4p7 z-ai/glm-4.7
fireworks accounts/fireworks/models/kimi-k2-instruct-0905 moonshotai/kimi-k2-0905
fireworks accounts/fireworks/models/qwen3-coder-480b-a35b-instruct qwen/qwen3-coder
fireworks accounts/fireworks/models/gpt-oss-20b openai/gpt-oss-20b
fireworks accounts/fireworks/models/minimax-m2p5 minimax/minimax-m2.5
fireworks accounts/fireworks/models/mixtral-8x22b-instruct mistralai/mixtral-8x22b-instruct
fireworks accounts/fireworks/models/qwen2p5-vl-32b-instruct qwen/qwen2.5-vl-32b-instruct
deepinfra meta-llama/Meta-Llama-3.1-70B-Instruct meta-llama/llama-3.1-70b-instruct
deepinfra deepseek-ai/DeepSeek-R1-0528 deepseek/deepseek-r1-0528
deepinfra deepseek-ai/DeepSeek-V3.1-Terminus deepseek/deepseek-v3.1-terminus
deepinfra Qwen/Qwen3-235B-A22B-Thinking-2507 qwen/qwen3-235b-a22b-thinking-2507
deepinfra Qwen/Qwen3-Next-80B-A3B-Instruct qwen/qwen3-next-80b-a3b-instruct
deepinfra microsoft/phi-4 microsoft/phi-4
deepinfra NousResearch/Hermes-3-Llama-3.1-405B nousresearch/hermes-3-llama-3.1-405b
deepinfra mistralai/Mistral-Small-3.2-24B-Instruct-2506 mistralai/mistral-small-3.2-24b-instruct
deepinfra mistralai/Mistral-Nemo-Instruct-2407 mistralai/mistral-nemo
deepinfra google/gemma-3-12b-it google/gemma-3-12b-it
deepinfra Sao10K/L3.3-70B-Euryale-v2.3 sao10k/l3.3-euryale-70b
deepinfra BAAI/bge-m3 baai/bge-m3
deepinfra allenai/olmOCR-7B-0725-FP8 allenai/olmocr-7b-0725
nebius Qwen/Qwen3-30B-A3B-Instruct-2507 qwen/qwen3-30b-a3b-instruct-2507
nebius meta-llama/Llama-3.3-70B-Instruct meta-llama/llama-3.3-70b-instruct
nebius zai-org/GLM-4.5-Air z-ai/glm-4.5-air
nebius NousResearch/Hermes-4-70B nousresearch/hermes-4-70b
nebius PrimeIntellect/INTELLECT-3 prime-intellect/intellect-3
chutes Qwen/Qwen3-32B qwen/qwen3-32b
chutes deepseek-ai/DeepSeek-V3.2-TEE deepseek/deepseek-v3.2
chutes tngtech/DeepSeek-TNG-R1T2-Chimera-TEE tngtech/deepseek-r1t2-chimera
chutes XiaomiMiMo/MiMo-V2-Flash xiaomi/mimo-v2-flash
novita deepseek/deepseek-v3-0324 deepseek/deepseek-chat-v3-0324
novita minimaxai/minimax-m1-80k minimax/minimax-m1
novita baidu/ernie-4.5-vl-424b-a47b baidu/ernie-4.5-vl-424b-a47b
novita zai-org/glm-4.5v z-ai/glm-4.5v
siliconflow Qwen/Qwen3-8B qwen/qwen3-8b
siliconflow THUDM/GLM-Z1-32B-0414 z-ai/glm-z1-32b
siliconflow moonshotai/Kimi-K2-Thinking moonshotai/kimi-k2-thinking
siliconflow stepfun-ai/step3 stepfun/step3
siliconflow inclusionAI/Ling-flash-2.0 inclusionai/ling-flash-2.0
siliconflow ByteDance-Seed/Seed-OSS-36B-Instruct bytedance-seed/seed-oss-36b-instruct
cloudflare @cf/meta/llama-3.1-8b-instruct-fp8 meta-llama/llama-3.1-8b-instruct
cloudflare @cf/openai/gpt-oss-120b openai/gpt-oss-120b
cloudflare @cf/qwen/qwq-32b qwen/qwq-32b
cloudflare @cf/mistralai/mistral-small-3.1-24b-instruct mistralai/mistral-small-3.1-24b-instruct
cloudflare @cf/baai/bge-m3 baai/bge-m3
huggingface zai-org/GLM-4.7-Flash z-ai/glm-4.7-flash
huggingface MiniMaxAI/MiniMax-M2.1 minimax/minimax-m2.1
huggingface Qwen/Qwen3-Coder-480B-A35B-Instruct qwen/qwen3-coder
scaleway gemma-3-27b-it google/gemma-3-27b-it
scaleway mistral-small-3.2-24b-instruct-2506 mistralai/mistral-small-3.2-24b-instruct
ovhcloud Meta-Llama-3_3-70B-Instruct meta-llama/llama-3.3-70b-instruct
ovhcloud Qwen3-Coder-30B-A3B-Instruct qwen/qwen3-coder-30b-a3b-instruct
ovhcloud gpt-oss-20b openai/gpt-oss-20b
xai grok-4-0709 x-ai/grok-4
xai grok-4-1-fast x-ai/grok-4.1-fast
xai grok-code-fast-1 x-ai/grok-code-fast-1
xai grok-3-mini x-ai/grok-3-mini
deepseek deepseek-chat deepseek/deepseek-chat
deepseek deepseek-reasoner deepseek/deepseek-reasoner
moonshotai kimi-k2-0905-preview moonshotai/kimi-k2-0905
moonshotai kimi-k2.5 moonshotai/kimi-k2.5
zai glm-4.5-air z-ai/glm-4.5-air
minimax MiniMax-M2.1 minimax/minimax-m2.1
alibaba qwen-max qwen/qwen-max
alibaba qwen3.5-plus qwen/qwen3.5-plus
alibaba qwen-plus qwen/qwen-plus
perplexity sonar-pro perplexity/sonar-pro
perplexity r1-1776 perplexity/r1-1776
inception mercury inception/mercury
upstage solar-pro3 upstage/solar-pro-3
vercel-ai-gateway xai/grok-4 x-ai/grok-4
vercel-ai-gateway zai/glm-4.6 z-ai/glm-4.6
vercel-ai-gateway mistral/codestral mistralai/codestral
vercel-ai-gateway amazon/nova-lite amazon/nova-lite-v1
digitalocean anthropic-claude-3-opus anthropic/claude-3-opus
digitalocean llama3.3-70b-instruct meta-llama/llama-3.3-70b-instruct
digitalocean openai-gpt-oss-120b openai/gpt-oss-120b
venice zai-org-glm-4.7 z-ai/glm-4.7
venice arcee-trinity-large-thinking arcee-ai/trinity-large-thinking
databricks databricks-claude-sonnet-4-5 anthropic/claude-sonnet-4.5
databricks databricks-meta-llama-3-3-70b-instruct meta-llama/llama-3.3-70b-instruct
poe anthropic/claude-haiku-3.5 anthropic/claude-3.5-haiku
helicone claude-4.5-haiku anthropic/claude-haiku-4.5
helicone llama-3.1-8b-instant meta-llama/llama-3.1-8b-instruct
kilo qwen/qwen3-8b:free qwen/qwen3-8b:free
github-models openai/gpt-4.1-mini openai/gpt-4.1-mini
baseten deepseek-ai/DeepSeek-V3.2 deepseek/deepseek-v3.2
baseten zai-org/GLM-5 z-ai/glm-5
wandb meta-llama/Llama-3.1-70B-Instruct meta-llama/llama-3.1-70b-instruct
wandb Qwen/Qwen3-235B-A22B-Thinking-2507 qwen/qwen3-235b-a22b-thinking-2507
nvidia nvidia/llama-3.3-nemotron-super-49b-v1.5 nvidia/llama-3.3-nemotron-super-49b-v1.5
nvidia meta/llama-3.1-8b-instruct meta-llama/llama-3.1-8b-instruct
nvidia z-ai/glm4.7 z-ai/glm-4.7
nvidia minimaxai/minimax-m2 minimax/minimax-m2
vertex mistral-large-2411@001 mistralai/mistral-large-2411
bedrock nvidia.nemotron-nano-9b-v2 nvidia/nemotron-nano-9b-v2
bedrock anthropic.claude-v2:1 anthropic/claude-2.1
bedrock us.meta.llama3-2-90b-instruct-v1:0 meta-llama/llama-3.2-90b-vision-instruct
bedrock qwen.qwen3-coder-480b-a35b-v1:0 qwen/qwen3-coder
fireworks accounts/fireworks/models/llama4-maverick-instruct-basic meta-llama/llama-4-maverick
cloudflare @cf/meta/llama-3.3-70b-instruct-fp8-fast meta-llama/llama-3.3-70b-instruct
vercel-ai-gateway alibaba/qwen-3-235b qwen/qwen3-235b-a22b
vercel-ai-gateway bytedance/seed-1.6 bytedance-seed/seed-1.6
ollama-cloud gpt-oss:120b openai/gpt-oss-120b
ollama-cloud deepseek-v3.1:671b deepseek/deepseek-chat-v3.1
ollama-cloud kimi-k2:1t moonshotai/kimi-k2
parasail parasail-deepseek-r1 deepseek/deepseek-r1
sambanova Meta-Llama-3.3-70B-Instruct meta-llama/llama-3.3-70b-instruct
hyperbolic Qwen/QwQ-32B qwen/qwq-32b
friendli meta-llama-3.3-70b-instruct meta-llama/llama-3.3-70b-instruct
acme thing acme/thing
"""
PAIRS = JUDGED.splitlines()


def model_id(provider: str, upstream_model: str) -> str:
    row = Row(source="x", provider=provider, upstream_model=upstream_model, pricing=Pricing())
    providers = {slug: Provider(slug=slug, name=slug, usable=True) for slug in (provider,)}
    snapshot = merge([row], (), providers, built=1.0, known=our_facts()).snapshot
    (found,) = (model.id for model in (*snapshot.models.values(),) if model.endpoints)
    return found


@pytest.mark.parametrize("pair", PAIRS)
def test_a_providers_name_means_the_model_that_openrouter_calls_so(pair: str) -> None:
    provider, upstream_model, wanted = pair.split(" ")

    assert model_id(provider, upstream_model) == wanted


def test_there_are_two_hundred_pairs_of_many_providers() -> None:
    assert len(set(PAIRS)) >= 200
    assert len({pair.split(" ")[0] for pair in PAIRS}) >= 25
