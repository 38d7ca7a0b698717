import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from turnout.auto.decide import Brain, Decision, Prompt, Slate, Wishes, decide, make_slate, with_experience
from turnout.auto.experience import Heard, Spent, experience_of
from turnout.auto.features import features_of
from turnout.auto.fit import Lessons, fit_table
from turnout.auto.judge import judge, view_of
from turnout.auto.shipped import shipped_table
from turnout.auto.speed import crowd
from turnout.auto.table import BadTable, Table, empty_table, load_table, save_table, with_outcomes
from turnout.auto.tasks import TASKS, Tasks
from turnout.domain.catalog import Benchmarks, Model

NOW = 1_800_000_000.0
TASK_OF = Tasks()


def prompts_in(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in Path(__file__).with_name(name).read_text("utf-8").splitlines()]


UNSEEN_PROMPTS = prompts_in("unseen.jsonl")
ADVERSARIAL = [
    "",
    " ",
    "\0" * 500,
    "a " * 500_000,
    "x" * 1_000_000,
    "\ud800\udfff",
    "漢" * 90_000,
    "\n" * 9_999,
    "🙂" * 5_000,
]


def examples() -> list[dict[str, str]]:
    text = (resources.files("turnout.auto") / "examples.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def brain(table: Table, heard: Sequence[Heard] = ()) -> Brain:
    return Brain(table, TASK_OF, experience_of(heard))


@cache
def taught() -> tuple[Brain, Slate, list[Model]]:
    """Two kinds of prompts; the dear model is right at sums only, the cheap one at translations only."""
    dice = Random(3)
    texts = [f"What is the sum of {dice.randrange(99)} and {dice.randrange(99)} apples?" for _ in range(80)]
    texts += [f"Translate into French: the {dice.choice(['cat', 'dog', 'sun', 'sea'])} number {n}" for n in range(80)]
    models = crowd(2)
    scores = np.array([[0.0, 1.0]] * 80 + [[1.0, 0.0]] * 80, np.float32)
    lessons = Lessons(tuple(one.id for one in models), [features_of(text) for text in texts], scores, scores * 0 + 100)
    made = brain(fit_table(lessons, made="2026-01-01", sources=("made up",)))
    return made, make_slate(models, made, NOW), models


def decided(text: str, wishes: Wishes | None = None, **fields: object) -> Decision:
    made, slate, _ = taught()
    return decide(Prompt(text, 100, **fields), slate, made, wishes or Wishes(tradeoff=1), Random(0))  # type: ignore[arg-type] # fields of Prompt


def test_neighbours_decide_where_they_are_near() -> None:
    _, _, (cheap, dear) = taught()
    assert decided("What is the sum of 14 and 23 apples?").ranking[0].model == dear.id
    assert decided("Translate into French: the dog number 500").ranking[0].model == cheap.id
    assert decided("Translate into French: the dog number 500").reason == "neighbours"


def test_the_same_request_gets_the_same_answer() -> None:
    first, again = (decided("sum of 3 and 4") for _ in range(2))
    assert first.ranking == again.ranking
    assert first.reason == again.reason


def test_far_from_all_evidence_the_catalog_decides() -> None:
    far = decided("Compose a limerick about glaciers, whales and the tax office of Reykjavik!!")
    assert far.reason == "catalog"
    assert far.nearest < 0.5
    assert max(one.familiar for one in far.ranking) < 0.5


def test_all_for_cost_takes_the_cheapest_and_all_for_quality_the_best() -> None:
    cheapest = decided("What is the sum of 14 and 23 apples?", Wishes(tradeoff=10)).ranking[0]
    best = decided("What is the sum of 14 and 23 apples?", Wishes(tradeoff=0)).ranking[0]
    assert cheapest.cost < best.cost
    assert cheapest.quality < best.quality


def test_costs_fall_as_the_tradeoff_rises() -> None:
    models = crowd(12)
    slate = make_slate(models, brain(shipped_table()), NOW)
    assert np.all(np.diff(slate.weights) >= 0)
    costs = [
        decide(Prompt("Hi", 50), slate, brain(shipped_table()), Wishes(tradeoff=step), Random(0)).ranking[0].cost
        for step in range(11)
    ]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] > costs[-1]


def test_a_session_keeps_its_model_while_that_is_almost_as_good() -> None:
    models = [one for one in crowd(2) for _ in (0,)]
    made = brain(empty_table())
    slate = make_slate(models, made, NOW)
    first = decide(Prompt("Hello there", 4000), slate, made, Wishes(tradeoff=2), Random(0)).ranking[0].model
    other = next(one.id for one in models if one.id != first)
    stays = decide(Prompt("Hello there", 4000, stay=other, cached=3900), slate, made, Wishes(tradeoff=2), Random(0))
    assert stays.ranking[0].model == other
    assert stays.reason == "session"


def test_a_session_leaves_a_model_that_is_clearly_worse() -> None:
    _, _, (cheap, dear) = taught()
    leaves = decided("What is the sum of 14 and 23 apples?", stay=cheap.id)
    assert leaves.ranking[0].model == dear.id


def test_only_what_is_among_the_wishes_is_ranked_and_nothing_is_no_error() -> None:
    _, _, (cheap, _) = taught()
    assert [one.model for one in decided("sum", Wishes(among=[0])).ranking] == [cheap.id]
    assert decided("sum", Wishes(among=[])).ranking == ()


def test_what_was_spent_decides_between_models_that_are_almost_alike_and_no_others() -> None:
    indices = (40.0, 40.5, 60.0)
    models = [
        replace(one, benchmarks=Benchmarks(intelligence_index=i)) for one, i in zip(crowd(3), indices, strict=True)
    ]
    made = brain(empty_table())
    slate = make_slate(models, made, NOW)

    def decided_after(among: list[int], *spent: Spent) -> Decision:
        own = made._replace(experience=experience_of((), spent))
        known = with_experience(slate, own.experience)
        return decide(Prompt("Translate into French: good morning"), known, own, Wishes(among, 0), Random(0))

    plain, alike = decided_after([0, 1]), [0, 1]
    task, worst = plain.task.name, models[0].id
    assert plain.ranking[0].model == models[1].id
    turned = decided_after(alike, Spent(task, worst, 1.0, 1_000.0), Spent("math", models[1].id, 50.0, 1_000.0))
    assert turned.ranking[0].model == worst
    assert turned.ranking[0].spent > 0.3
    assert {one.quality for one in turned.ranking} == {one.quality for one in plain.ranking}
    assert decided_after(alike, Spent(task, worst, 100.0, 0.1)).ranking[0].model == models[1].id
    assert decided_after([0, 2], Spent(task, worst, 1.0, 1_000.0)).ranking[0].model == models[2].id


def test_exploration_tells_with_what_chance_it_chose() -> None:
    made, slate, _ = taught()
    dice = Random(1)
    drawn = [decide(Prompt("hello", 9), slate, made, Wishes(explore=0.5), dice) for _ in range(400)]
    tried = [one for one in drawn if one.reason == "explored"]
    assert {one.propensity for one in tried} == {0.25}
    assert {one.propensity for one in drawn} == {0.25, 0.75}
    assert 60 < len(tried) < 140


@pytest.mark.parametrize("text", ADVERSARIAL, ids=range(len(ADVERSARIAL)))
def test_no_prompt_breaks_or_stalls_it(text: str) -> None:
    models = crowd(8)
    made = brain(shipped_table())
    found = decide(Prompt(text, 10**9, stay="nobody"), make_slate(models, made, NOW), made, Wishes(), Random(0))
    assert len(found.ranking) == 8
    assert all(0 <= one.quality <= 1 and np.isfinite(one.cost) for one in found.ranking)


@given(st.text())
@settings(max_examples=60, deadline=None)
def test_features_of_any_text_are_finite_and_read_no_more_than_its_ends(text: str) -> None:
    found = features_of(text)
    assert np.isfinite(found.hand).all()
    assert np.isfinite(found.counts).all()
    long = "a" * 2_500 + text * 9 + "b" * 40_000 + "c" * 1_000
    assert np.array_equal(features_of(long).buckets, features_of(long[:2_500] + "b" * 90_000 + "c" * 1_000).buckets)


def test_a_table_is_the_same_after_it_was_saved(tmp_path: Path) -> None:
    made, slate, _ = taught()
    save_table(made.table, tmp_path / "t.npz")
    again = made._replace(table=load_table(tmp_path / "t.npz"))
    assert again.table.models == made.table.models
    assert again.table.sources == ("made up",)
    text = Prompt("What is the sum of 14 and 23 apples?", 30)
    before = decide(text, slate, made, Wishes(), Random(0)).ranking
    after = decide(text, slate, again, Wishes(), Random(0)).ranking
    assert [one.model for one in after] == [one.model for one in before]
    assert after[0].quality == pytest.approx(before[0].quality, abs=0.02)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.npz").write_bytes(content)
    with pytest.raises(BadTable):
        load_table(tmp_path / "t.npz")


def test_prompts_that_come_later_are_neighbours_without_a_new_training() -> None:
    made, _, _ = taught()
    features = features_of("Translate into French: the sun number 300")
    signals = made.table.signals(features)
    place = made.table.place(features, signals)
    grown = with_outcomes(made.table, ("new/model",), np.stack([place] * 12), np.full((12, 1), 254, np.uint8))
    told = judge(view_of(grown, np.array([grown.models.index("new/model"), 0])), place, signals)
    assert told.rows[0] > 3
    assert told.familiar[0] > 0.5
    assert grown.abilities[-1] == 1


def test_a_model_that_the_table_does_not_know_is_judged_by_the_ease_of_the_prompt() -> None:
    texts = [f"easy {n % 8} easy" for n in range(40)] + [f"Prove {n % 8}: $x^2$?" for n in range(40)]
    scores = np.array([[1.0, 1.0]] * 40 + [[0.0, 0.0]] * 40, np.float32)
    lessons = Lessons(("a", "b"), [features_of(text) for text in texts], scores, np.full((80, 2), 50, np.float32))
    table = fit_table(lessons, made="", sources=())

    def shift(text: str) -> float:
        features = features_of(text)
        signals = table.signals(features)
        return float(judge(view_of(table, np.array([-1, 0])), table.place(features, signals), signals).shifts[0])

    assert shift("easy 3 easy") > shift("Prove 3: $x^2$?") + 0.2


def test_the_catalog_alone_prefers_the_better_benchmark_and_guesses_the_others_by_price() -> None:
    models = crowd(4)
    told = [
        Model(
            **{name: getattr(one, name) for name in one.__struct_fields__}
            | {"benchmarks": Benchmarks(intelligence_index=index)}
        )
        for one, index in zip(models[:2], (60.0, 20.0), strict=True)
    ]
    slate = make_slate([*told, *models[2:]], brain(empty_table()), NOW)
    quality = slate.priors[0]
    assert quality[0] > quality[1]
    assert np.all((quality > 0) & (quality < 1))


def test_a_table_of_easy_questions_does_not_put_old_models_above_better_new_ones() -> None:
    old, new = crowd(2)
    better = {"benchmarks": Benchmarks(intelligence_index=60.0)}
    worse = {"benchmarks": Benchmarks(intelligence_index=20.0)}
    models = [
        Model(**{name: getattr(one, name) for name in one.__struct_fields__} | told)
        for one, told in ((old, worse), (new, better))
    ]
    features = [features_of(f"Is {n} even?") for n in range(300)]
    scores = np.full((300, 1), 0.9, np.float32)
    table = fit_table(Lessons((old.id,), features, scores, scores * 100), made="", sources=())
    slate = make_slate(models, brain(table), NOW)
    assert 0.8 < slate.priors[0, 0] < slate.priors[0, 1]


def macro_f1(rows: Sequence[dict[str, str]]) -> float:
    pairs = [(row["task"], TASK_OF.task_of(row["prompt"]).name) for row in rows]
    scores = []
    for task in TASKS:
        right = sum(true == said == task for true, said in pairs)
        scores.append(
            2 * right / max(1, sum(task == true for true, _ in pairs) + sum(task == said for _, said in pairs))
        )
    return sum(scores) / len(scores)


def test_kinds_of_work_are_told_apart_on_prompts_that_were_not_shown() -> None:
    assert {row["task"] for row in UNSEEN_PROMPTS} == set(TASKS)
    assert not {row["prompt"] for row in UNSEEN_PROMPTS} & {row["prompt"] for row in examples()}
    assert macro_f1(UNSEEN_PROMPTS) >= 0.8


def test_kinds_of_work_are_told_apart_on_prompts_that_were_written_after_the_cues() -> None:
    fresh = prompts_in("fresh.jsonl")
    assert {row["task"] for row in fresh} == set(TASKS)
    assert not {row["prompt"] for row in fresh} & {row["prompt"] for row in (*examples(), *UNSEEN_PROMPTS)}
    assert macro_f1(fresh) >= 0.8


@pytest.mark.parametrize(
    ("text", "task"),
    [
        ("Sam has 12 pens and buys three dozen more. He gives 5 away. How many pens does he have?", "math"),
        ('def last(xs):\n    """The last of xs.\n    >>> last([1, 2])\n    2\n    """', "code:generation"),
        ("A fever that lasts is a symptom of\nA. infection\nB. joy\nC. sleep\nD. hunger", "multiple_choice"),
        ("Say 'the train is late' in Swahili please", "translation"),
    ],
)
def test_shapes_and_sets_of_words_tell_kinds_of_work(text: str, task: str) -> None:
    assert TASK_OF.task_of(text).name == task


def test_after_200_ratings_each_kind_of_work_goes_to_its_best_model() -> None:
    shares = [_share_right(Random(seed)) for seed in range(6)]
    assert sum(shares) / len(shares) >= 0.9


def _share_right(dice: Random) -> float:
    """In a world where one of three models is good at each of six kinds: how often it is chosen, mistaken kinds too."""
    kinds, models = dice.sample(TASKS, 6), crowd(3)
    best = {kind: dice.choice(models).id for kind in kinds}
    shown = [row for row in examples() if row["task"] in kinds]
    heard = []
    for _ in range(200):
        row, model = dice.choice(shown), dice.choice(models).id
        score = float(dice.random() < (0.9 if best[row["task"]] == model else 0.3))
        heard.append(Heard(TASK_OF.task_of(row["prompt"]).name, model, score))
    made = brain(empty_table(), heard)
    slate = make_slate(models, made, NOW)
    asked = [row for row in UNSEEN_PROMPTS if row["task"] in kinds]
    chosen = [decide(Prompt(row["prompt"], 50), slate, made, Wishes(tradeoff=3), Random(0)).ranking[0] for row in asked]
    return sum(one.model == best[row["task"]] for one, row in zip(chosen, asked, strict=True)) / len(asked)
