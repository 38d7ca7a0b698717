"""What a prompt asks for: one of some thirty kinds of work, told by cues and by examples."""

from __future__ import annotations

import json
from importlib import resources
from typing import NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from turnout.auto.features import chained, cut, phrase_hashes
from turnout.auto.table import Floats

__all__ = ["TASKS", "Task", "Tasks"]

_CUES: dict[str, str] = {
    "code:generation": (
        "implement:2 write_a_function:3 python_function:2 write_code:3 a_function_to:2 a_program:2 program_that:2 "
        "class_for:1 component:1 script:1.5 code_a:2 give_me_code:3 algorithm:1 build_a:1 extension:1 should_pass:3 "
        "html_page:2 bot:1 develop_a:1.5 complete_this_function:4 decorator:1 endpoint:1 def:1 typescript:1 react:1 "
        "javascript:1 rust:1 kotlin:1 swift:1 golang:1 java:1 haskell:1 python:1"
    ),
    "code:debugging": (
        "error:2 exception:2 traceback:4 bug:2 fix:2 throw:1.5 throws:2 crash:2 crashes:3 segmentation_fault:5 fails:1.5 "
        "failing:1.5 undefined:1.5 doesn_t_work:3 not_working:3 won_t:1 what_is_wrong:3 what_s_wrong:3 err:2 nullpointerexception:4 "
        "typeerror:4 keyerror:4 valueerror:4 deadlock:3 find_the_bug:5 fix_this:2 wrong_results:3 i_get:1.5 never_terminates:3 "
        "stack_overflow:3 why_does_this:2 find_the_error:5 debug:4 i_keep_getting:3 incompatible:1.5 complains:2 doing_wrong:3"
    ),
    "code:explanation": (
        "explain_what_this:3 what_does_this:2 explain_this_code:4 line_by_line:3 code_does:3 snippet:1.5 in_javascript:1.5 in_java:1.5 "
        "in_python:1.5 in_c:1.5 in_react:1.5 in_rust:1.5 regex:1.5 keyword:1.5 closure:2 garbage_collection:2 what_will_this:2 "
        "time_complexity:2 explain_this_function:4 the_output_of:2 under_the_hood:2 interface:1 pointers:1.5 async:1 "
        "understand_this_function:4 dependency_injection:2 explain:0.7 difference_between:0.7 what_does:0.5"
    ),
    "code:review": (
        "review:2.5 code_review:5 pull_request:4 merge_request:4 critique:2.5 is_this_function:2 secure:2 vulnerabilities:4 "
        "vulnerability:3 best_practice:2 best_practices:2.5 drawbacks:1.5 feedback:1 code_smells:5 could_be_improved:3 edge_cases:1 "
        "audit:3 quality_of_this:3 thread_safe:1 this_implementation:2 diff:2 review_comments:3 double_check:2 look_over:3 check_my:1"
    ),
    "code:refactoring": (
        "refactor:5 convert_this:2 rewrite_this_python:4 simplify_these:2 optimize_this_code:5 clean_up:2.5 port_the:4 port_this:4 "
        "type_hints:3 list_comprehension:2 faster:1.5 extract_the_duplicated:4 restructure:4 replace_callbacks:3 idiomatic:2 "
        "migrate:2.5 modern:1 into_kotlin:3 to_rust:2 into_smaller:2 without_changing:2 iterative:2 more_readable:3 "
        "performance_of:2 lookup_table:2 java_method:2 cyclomatic:3 composition_api:2 modernize:3 memory_use:2"
    ),
    "code:testing": (
        "unit_tests:5 unit_test:5 test_cases:4 tests:2 pytest:3 jest:3 junit:4 mock:2.5 mocks:2.5 unittest:4 cypress:3 "
        "selenium:4 playwright:4 fixtures:2 coverage:2 test_plan:3 rspec:4 load_tests:4 doctests:4 property_based:3 "
        "table_driven:3 end_to_end_test:4 test_code:3 regression_testing:4 parametrized:2 write_tests:5"
    ),
    "code:sql": (
        "sql:5 query:2 select:1.5 postgres:3 postgresql:4 mysql:4 sqlite:4 join:2 schema:2 table:1 tables:1.5 left_join:4 "
        "inner_join:4 mongodb:4 cte:4 bigquery:4 stored_procedure:5 create_table:4 indexes:2.5 index:1 rows:1 3nf:4 "
        "foreign_keys:3 upsert:4 group_by:3 duplicate_rows:2 execution_plan:3 window_function:4 normalize_this_table:4 database:1.5"
    ),
    "code:devops": (
        "dockerfile:3 docker:3 docker_compose:4 kubernetes:4 kubectl:5 helm:4 terraform:4 ansible:5 nginx:4 git:3 github_actions:5 "
        "ci:2 systemd:5 cron:4 linux:2.5 ssh:3.5 bash:2 bash_script:2 ubuntu:2 debian:3 server:1.5 firewall:3 iam:4 s3:3 "
        "deployment:2 prometheus:3 awk:4 sed:2 gitlab:2 pods:3 redis:1.5 ufw:3 cluster:1.5 playbook:2 bucket:1.5 yaml:1 lvm:3"
    ),
    "math": (
        "solve_for:4 derivative:4 integral:4 equation:2.5 prove_that:4 prove:3 calculate:2 compute:2 how_much_does:2.5 how_much_did:3 "
        "how_many:1 probability:2.5 eigenvalues:4 matrix:2 remainder:3 simplify:1.5 average_speed:3 area:1.5 triangle:2 "
        "sum_of:2.5 evaluate:1.5 converges:3 frac:4 sqrt:4 lim:2 polynomial:3 fraction:2 km:1.5 each:0.5 in_total:2.5 how_many_ways:4 "
        "divided_by:3 induction:2 what_is_the_sum:3 perimeter:3 what_is_x:2 let_f:3 earn:1 left:0.5 spend:1 integers:2.5 find_the_value:3 dice:1.5"
    ),
    "logic": (
        "puzzle:4 riddle:5 knights:3 knaves:4 who_owns:3 comes_next:4 next_in_the:3 sequence:2 sits:2 sits_next:3 wears:2.5 tells_the_truth:4 "
        "valid:1.5 argument:1 logic:3 therefore:2 are_all:3 pattern:1.5 lies:1.5 weighings:3 deduce:2.5 doesn_t_belong:3 not_belong:4 "
        "cross_a_river:3 clues:3 jug:3 neither:1 litre:1 who_stole:3 how_many_sisters:3 truth:1 if_all:2"
    ),
    "multiple_choice": "answer_with_the:2 which_of_the:2.5 following:0.5 choose_the_correct:3 options:1.5 select_the_best:3 choices:2 statement_1:5 multiple_choice:4 letter_only:4 pick_one:2",
    "qa_knowledge": (
        "who_wrote:3 when_did:2.5 capital_of:3 what_is_the:0.7 how_far:2 what_causes:2.5 which_country:3 who_was:3 why_is:1.5 what_year:3 "
        "history_of:2 where_do:1.5 who_discovered:4 tallest:2 stand_for:2 who_is:2 what_language:2.5 in_what:2 who_invented:4 tell_me_about:1.5 "
        "how_do:0.4 explain:0.5 how_many:0.7 where_is:2 when_was:3 who_painted:3 largest:1 world:0.5 where:0.5 when:0.3 who:0.7"
    ),
    "qa_document": (
        "context:2.5 passage:3.5 based_on_the:2 according_to_the:3 the_following_article:1.5 document:1.5 documents:2 doc:2 from_the_text:4 "
        "answer_the_question:2 the_text_above:4 excerpt:3 from_the_context:4 given_the_paragraph:4 reading_comprehension:5 search_results:2.5 "
        "report:0.5 citations:2 read_the_passage:4 question:1 attached:1.5 does_the_author:3 transcript:1 policy:1 snippets:1.5 handbook:2 "
        "given_this:1 does_the_following:2 in_the_report:2 extract:0.3 user_question:2 knowledge_base:3 use_only:2"
    ),
    "summarization": (
        "summarize:5 summarise:5 summary:4 tl_dr:5 tldr:5 key_points:4 condense:4 shorten:2.5 sum_up:4 abstract:2 takeaways:4 synopsis:4 "
        "bullet_points:1 executive_summary:5 recap:4 gist:4 distill:4 overview:1.5 digest:3 boil_this:4 in_three_sentences:2 main_idea:2 "
        "one_sentence:1 essentials:2 main_points:4"
    ),
    "translation": (
        "translate:5 translation:4.5 how_do_you_say:5 into_english:3.5 to_english:3 into_spanish:4 to_french:4 into_german:4 in_japanese:3 "
        "in_english:1.5 übersetze:5 übersetzen:5 traduce:5 traduis:5 traduire:5 traduci:5 traduzir:5 from_polish:3 to_portuguese:3 into_russian:4 "
        "localize:4 in_arabic:3 in_latin:3 in_spanish:2.5 in_french:2.5 in_german:2 native:1 english:0.7 korean:1.5 render_this:2 翻译成英文:5 翻訳してください:5"
    ),
    "extraction": (
        "extract:4 parse:3 json:1.5 named_entity:4 entities:4 from_this_text:2 pull_out:4 list_all:2 line_items:3 return_a:1 "
        "structured:2.5 find_every:3 identify_the:1 csv:1 from_the_text:1.5 fields:1.5 from_this:1 scrape:3 key_value:3 resume:1 invoice:1.5 "
        "output_only:2 schema:0.7 mentioned_in:2.5 from_the_following:1 keywords:1.5 attributes:1.5 fill_in:2 get_the:1 entity_recognition:3 grab:2 email_address:1"
    ),
    "classification": (
        "classify:5 sentiment:4.5 spam:4 label:2.5 categorize:4.5 category:2.5 positive:1.5 negative:1.5 neutral:2 entailment:4 "
        "premise:3 hypothesis:2 detect:2 toxicity:4 rate_the:1.5 tag:2 assign:1.5 is_this_sentence:3 determine_the:1 formal_or:3 duplicates:1.5 "
        "intent:2.5 moderate:2 fact_or:2 opinion:0.7 or_not:1 choose_one:2 star_rating:2.5 predict_the:2 angry_neutral:2 is_the_tone:3 tweet:1 answer_yes_or:2"
    ),
    "rewriting": (
        "rewrite:3.5 proofread:5 paraphrase:5 rephrase:5 grammar:3.5 reword:5 sound_more:4 improve:1.5 correct_the:2.5 spelling:3.5 edit:2.5 "
        "shorter_and:2.5 clearer:2.5 passive_voice:4 polish:3 tone:2.5 plain_english:3.5 more_formal:3 friendlier:3.5 paragraph:0.7 "
        "fix_grammar:5 copyedit:5 flow:2 change_this_text:3 first_person:2 third_person:2 say_this_in:3 expand:2 same_meaning:2.5 sentence:0.5 gender_neutral:2"
    ),
    "writing:email": (
        "email:2.5 write_an_email:4 letter:2.5 cover_letter:4 reply_to:3 resignation:4 follow_up:2 draft:0.7 out_of_office:5 landlord:0.5 "
        "thank_you_note:4 apology:2.5 invitation:2.5 complaint:2.5 message_to:3 reference_letter:4 slack_message:4 formal_letter:4 recruiter:1.5 "
        "declining:2 reminder:2.5 my_boss:1 condolence:3 professor:1.5 outreach:2 polite:1.5 note_to:2 announcing:0.5"
    ),
    "writing:creative": (
        "story:3 poem:4.5 haiku:5 lyrics:4.5 song:2 dialogue:3 limerick:5 novel:1.5 sonnet:5 fairy_tale:4.5 horror:2 rap:3 monologue:4 "
        "backstory:4 screenplay:4.5 scene:2.5 fiction:3 bedtime_story:5 character:1 continue_this_story:5 myth:2 poetic:3.5 short_story:5 "
        "in_the_style:2 funny:0.7 twist:2 villain:2 dragon:1.5 flash_fiction:4 rhymes:2.5 fantasy:2"
    ),
    "writing:article": (
        "essay:4.5 blog_post:4.5 article:2 article_on:3.5 article_about:3.5 speech:3.5 news_report:3.5 research_paper:3 argumentative:3 "
        "opinion_piece:4 literature_review:4 outline:1.5 how_to_guide:3.5 introduction:1 report_on:3 biography:3 white_paper:3.5 "
        "persuasive:2.5 feature_article:4 wikipedia_style:2.5 word:0.5 words:0.5 conclusion:1.5 discussion_section:3 draft_an_article:4"
    ),
    "writing:marketing": (
        "product_description:5 tagline:4 slogan:4.5 ad:2.5 ads:2.5 google_ad:4 headlines:2 instagram:3.5 hashtags:3 landing_page:3.5 "
        "press_release:4.5 tweet:2 tweet_thread:3 sales_pitch:4 newsletter:3 call_to_action:3 amazon_listing:4 seo:2 meta_descriptions:3 linkedin_post:4 "
        "commercial:3 facebook_ad:4 copy:1.5 app_store:3 marketing:2.5 promoting:2.5 video_title:3 property_listing:3.5 launch:1 caption:3 brand:1.5 "
        "social_media:1 customers:0.3 announcement:1.5 our_new:1.5 advert:4"
    ),
    "roleplay": (
        "roleplay:5 role_play:5 stay_in_character:5 pretend_to_be:4.5 pretend_you:4.5 pretend:2.5 act_as:4.5 i_want_you_to_act:4 you_are_a:1.5 "
        "in_character:4 imagine_you_are:4 from_now_on:3 play_the_role:5 persona:3.5 dungeon_master:4 as_if_you_were:4 "
        "you_are_now:3 text_adventure:4 simulate:2 let_s_roleplay:5 be_my:2 in_that_voice:2 you_re_a:2 speak_to_me:2.5 stay_in_role:4 you_are:0.7 let_us_play:3"
    ),
    "conversation": (
        "hi:3 hello:3.5 hey:2.5 good_morning:3.5 how_are_you:4.5 thanks:3 thank_you:1 lol:3.5 haha:4 what_s_up:3.5 i_m_bored:4 ok:3 okay:2 "
        "who_are_you:4 your_favourite:3.5 your_favorite:3.5 do_you_have:1.5 nice_to_meet:4 good_night:4 what_can_you_do:4 feel:0.5 "
        "about_yourself:3.5 your_weekend:3.5 are_you:1.5 chat:1 talk_to_me:3 terrible_day:3 lonely:2 never_mind:2 you_are_wrong:3 you_re:1 my_name:1.5"
    ),
    "brainstorming": (
        "ideas:3.5 ideas_for:4 brainstorm:5 suggest:2.5 names_for:3.5 come_up_with:2.5 unusual_uses:4 give_me_ten:2.5 topics:1.5 gift:1.5 "
        "prompts:1 suggestions:2 domain_names:3 activities:1.5 alternatives:2 icebreaker:3 think_of:2 startup_ideas:3 list_twenty:2.5 "
        "side_hustles:3 a_name_for:3.5 several_options:3 plot_twists:2.5 costume:1.5 what_are_some:1.5 could_be_some:2 gift_ideas:3 propose:2"
    ),
    "planning": (
        "plan:2.5 itinerary:5 schedule:3.5 meal_plan:4.5 training_plan:4.5 timeline:3.5 roadmap:4 checklist:3.5 milestones:3 agenda:4 "
        "lesson_plan:4 workout:2 help_me_plan:4 day_plan:3 weekly:1.5 road_trip:2.5 sprint:2 organise:2 organize:2 packing_list:3 calendar:2.5 "
        "step_by_step_plan:3 in_which_order:3 days_in:2.5 study_schedule:4 routine:2 break_down_the:2 budget_of:1 over_a_week:2 day_itinerary:4"
    ),
    "advice": (
        "should_i:2 what_should_i_do:4 advice:3.5 how_can_i_stop:3 tips:2.5 how_do_i_tell:3.5 my_friend:1.5 my_roommate:2.5 my_sister:1.5 i_can_t_decide:4 "
        "best_way_to:1.5 make_friends:3 breakup:3 confident:2 is_it_worth:3 nervous:2 recommend:1.5 how_should_i:2 stuck_in:1.5 career:1.5 raise:1 "
        "my_boss:1 boss:1 coworker:2 relationship:2.5 how_to_deal:3.5 feel_stuck:2.5 procrastinating:2.5 which_laptop:2.5 should_i_buy:2.5 what_can_i_do:3 get_over:2.5 "
        "my_dog:1.5 my_teenager:2 how_do_i_get:1.5 how_can_i_become:3 help_me_think:2.5 what_should_i_wear:3"
    ),
    "medical": (
        "symptoms:4 side_effects:4 doctor:2.5 diagnosis:3.5 patient:2.5 treatment:2.5 treated:2 headache:3 pain:2 blood:1.5 blood_test:4 dosage:3 "
        "pregnant:2.5 vaccine:2 vaccines:2.5 fever:3.5 infection:3 antibiotics:3.5 ibuprofen:4 paracetamol:4 diabetes:3.5 rash:3.5 mri:3.5 stroke:2.5 heart_rate:2.5 "
        "remedies:2.5 insomnia:2.5 medication:3 disease:2.5 vitamin:2.5 beta_blockers:4 mechanism_of_action:3.5 differential:2 ankle:2 heal:1.5 year_old_man:3 presents_with:4 chest:2 deficiency:2.5 mg:1.5"
    ),
    "legal": (
        "legal:3.5 law:2 lawyer:3 evict:4 landlord:1 felony:4 misdemeanor:4 is_it_legal:4 statute:3.5 contract:1.5 rights:2 clause:3 trademark:4 sue:3.5 "
        "liable:3.5 liability:3 non_disclosure:4 nda:4 gdpr:3.5 power_of_attorney:5 lease:2 copyright:3 patent:3 court:2 v:0.7 binding:2.5 terms_of_service:3.5 "
        "cease_and_desist:4 a_will:2 custody:3 child_support:3.5 indemnify:4 promissory:3.5 doctrine:2.5 agreement:1.5 without_consent:2 fired:1.5"
    ),
    "finance": (
        "invest:3.5 investing:3.5 stocks:3 stock:1.5 shares:1.5 index_funds:4 mortgage:3.5 etf:4 compound_interest:3.5 interest_rates:3 interest:1.5 retirement:3 ira:4 "
        "net_present_value:4 bond:2 bond_prices:4 budget:1.5 credit_score:4 ebitda:4 portfolio:3 cryptocurrency:3 loan:2.5 refinance:3.5 balance_sheet:4 tax:2 taxed:2 "
        "depreciation:3.5 journal_entry:4 options_trading:4 capital_gains:4 hedging:3.5 futures:2.5 savings:2.5 debt:2 dividend:2.5 investor:2.5 price_earnings:3.5 salary:1"
    ),
    "data_analysis": (
        "data:1.5 data_set:2.5 dataset:2.5 trends:2.5 statistical:3.5 statistical_test:4 regression:2.5 regression_results:4 pivot:2.5 outliers:3.5 missing_values:4 a_b_test:4 "
        "significant:2 chart:2.5 excel:3.5 excel_formula:4 formula:1 correlation:3.5 spreadsheet:3.5 google_sheets:4 forecast:3 sample_size:4 segment:2.5 anomalies:3.5 dashboard:2.5 kpis:3 "
        "confusion_matrix:4 vlookup:4 survey_data:3 time_series:3 analyse:1.5 analyze:1.5 interpret:2 csv:1 plot:1 figures:1 sales:0.7 numbers:0.5 precision:1.5 recall:1.5"
    ),
    "tutoring": (
        "teach_me:4.5 like_i_m_five:4.5 eli5:5 quiz_me:4.5 quiz:3 i_m_learning:3.5 exercises:2 practice:2 practice_problems:4 flashcards:4.5 homework:3 explain_to_a:2 to_a_beginner:3 "
        "high_school_student:2 mnemonic:3 tutor:3.5 step_by_step:1 with_an_analogy:3 analogy:2.5 help_my_daughter:2 help_my_son:2 hint:2.5 without_giving:3 i_want_to_learn:3 for_my_exam:3 in_simple_terms:1.5 "
        "i_don_t_understand:1.5 explain:0.6 learn:1.5 kids:1 preparing_for:2 memorise:2.5 basics_of:2.5 answer_key:3 test_me:3 simple_examples:2.5 grade:0.7"
    ),
}  # fmt: skip

TASKS: tuple[str, ...] = tuple(_CUES)
"""The kinds of work that are told apart."""

_OPENING, _ENDING = 60, 40
_EARLY, _EARLY_FACTOR = 8, 1.4
_LEARNED_SHARE = 1.0
_SOFTNESS = 1.2


class Task(NamedTuple):
    """The kind of work, how sure that is (0 to 1), and the share of each of :data:`TASKS`."""

    name: str
    certainty: float
    shares: Floats


@final
class Tasks:
    """Tells kinds of work apart. Made once; takes some milliseconds."""

    def __init__(self) -> None:
        """Read the cues and the examples that the package brings."""
        cues: dict[int, Floats] = {}
        for place, listed in enumerate(_CUES.values()):
            for cue in listed.split():
                phrase, _, weight = cue.rpartition(":")
                for one in phrase_hashes(phrase.replace("_", " ")).tolist():
                    cues.setdefault(one, np.zeros(len(TASKS), np.float32))[place] = float(weight)
        self._hashes = np.array(sorted(cues), np.uint64)
        self._cells = np.stack([cues[one] for one in self._hashes.tolist()])
        self._learned_hashes, self._learned = _learned()

    def task_of(self, text: str, words: NDArray[np.uint64] | None = None) -> Task:
        """The kind of work that *text* asks for; *words* are the hashes of its words, where they are known."""
        heard = phrase_hashes(cut(text), 1) if words is None else words
        if len(heard) > _OPENING + _ENDING:
            heard = np.concatenate((heard[:_OPENING], heard[-_ENDING:]))
        scores = _by_shape(cut(text))
        if len(heard):
            hashes, positions = _spoken(heard)
            scores += self._cued(hashes, (positions < _EARLY) | (len(heard) - positions < _EARLY))
            scores += self._by_examples(hashes)
        shares = np.exp((scores - scores.max()) / _SOFTNESS)
        shares /= shares.sum()
        best = int(scores.argmax())
        return Task(TASKS[best], float(shares[best]), shares)

    def _cued(self, hashes: NDArray[np.uint64], early: NDArray[np.bool_]) -> Floats:
        found, positions = _matches(self._hashes, hashes)
        # A cue counts once; early or late ones, where instructions stand, count for more.
        once, first = np.unique(np.where(early[positions], found, found + len(self._cells)), return_index=True)
        said = np.zeros(len(TASKS), np.float32)
        counted = found[first]
        strong = np.isin(counted, once)
        factors = np.where(once < len(self._cells), np.float32(_EARLY_FACTOR), np.where(strong, 0, 1)).astype(np.float32)
        if len(counted):
            said += factors @ self._cells[counted]
        return said

    def _by_examples(self, hashes: NDArray[np.uint64]) -> Floats:
        found = np.unique(_matches(self._learned_hashes, hashes)[0])
        learned: Floats = self._learned[found].sum(0) * np.float32(_LEARNED_SHARE / np.sqrt(max(1, len(found))))
        return learned


def _matches(table: NDArray[np.uint64], hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places in the sorted *table* where *hashes* stand, and which of the hashes they are."""
    places = np.minimum(np.searchsorted(table, hashes), len(table) - 1)
    known = np.flatnonzero(table[places] == hashes)
    return places[known], known


def _spoken(words: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Hashes of words and of runs of up to four, and where each begins."""
    runs = [chained(words, length) for length in (1, 2, 3, 4)]
    return np.concatenate(runs), np.concatenate([np.arange(len(run)) for run in runs])


def _learned() -> tuple[NDArray[np.uint64], Floats]:
    """Of the words of the examples: the logarithm of how much more often they stand in one kind than in the others."""
    lines = (resources.files("turnout.auto") / "examples.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    spoken = [np.unique(_spoken(phrase_hashes(row["prompt"], 1))[0]) for row in rows]
    hashes = np.unique(np.concatenate(spoken))
    counts = np.zeros((len(hashes), len(TASKS)), np.float32)
    for row, said in zip(rows, spoken, strict=True):
        counts[np.searchsorted(hashes, said), TASKS.index(row["task"])] += 1
    often = counts.sum(1) > 1
    hashes, counts = hashes[often], counts[often]
    share = (counts + 0.15) / (counts.sum(0) + 20)
    learned = np.log(share) - np.log(share).mean(1, keepdims=True)
    return hashes, learned.astype(np.float32)


def _by_shape(text: str) -> Floats:
    scores = np.zeros(len(TASKS), np.float32)

    def add(task: str, weight: float) -> None:
        scores[TASKS.index(task)] += weight

    lettered = max(
        sum(mark in text for mark in marks)
        for marks in (
            ("\nA.", "\nB.", "\nC."), ("A)", "B)", "C)"), ("\na)", "\nb)", "\nc)"), ("(A)", "(B)", "(C)"), (" A. ", " B. ", " C. "),
            ("(1)", "(2)", "(3)"), ("\n1)", "\n2)", "\n3)"), ("1) ", "2) ", "3) "), (" A:", " B:", " C:"), ("\nA. ", "\nB. "),
        )
    )  # fmt: skip
    if lettered >= 2:
        add("multiple_choice", 3.0 + 2 * lettered)
    code = sum(
        mark in text
        for mark in ("{", "}", ";", "()", "def ", "=>", "==", "import ", "return ", "```", "</", "+=", "](", "):")
    )
    if code:
        for task in (
            "code:debugging",
            "code:explanation",
            "code:review",
            "code:refactoring",
            "code:generation",
            "code:testing",
        ):
            add(task, min(2.5, 0.8 * code))
    if any(mark in text for mark in ("^", "\\frac", "\\sqrt", "= 0", "$")) and any(one in text for one in "0123456789"):
        add("math", 1.5)
    if len(text) < 25 and not code:
        add("conversation", 1.5)
    if not text.isascii() and sum(letter > "\u0370" for letter in text[:400]) > 8:
        add("translation", 1.5)
    return scores
