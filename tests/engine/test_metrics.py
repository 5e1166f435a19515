"""Load as the servers themselves tell it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.llm.metrics import Reading, read_metrics, sample

VLLM = """\
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_running{engine="0",model_name="m"} 64.0
vllm:num_requests_waiting{engine="0",model_name="m"} 12.0
vllm:num_requests_waiting{engine="1",model_name="m"} 3.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.41
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.87
vllm:num_preemptions_total{engine="0",model_name="m"} 5.0
"""
SGLANG = 'sglang:num_queue_reqs{model_name="m"} 7.0\nsglang:token_usage{model_name="m"} 0.28\n'
LLAMA = "llamacpp:requests_processing 4\nllamacpp:requests_deferred 9\n"


def test_a_vllm_page_gives_the_sum_of_what_waits_and_the_fullest_cache() -> None:
    assert read_metrics(VLLM) == Reading(waiting=15.0, cache=0.87, preempted=5.0)


def test_sglang_and_llama_cpp_are_understood() -> None:
    assert read_metrics(SGLANG) == Reading(waiting=7.0, cache=0.28, preempted=None)
    assert read_metrics(LLAMA) == Reading(waiting=9.0, cache=None, preempted=None)


def test_a_page_of_something_else_tells_nothing() -> None:
    assert not read_metrics("<html>not found</html>").tells
    assert not read_metrics("process_cpu_seconds_total 12\nvllm:num_requests_waiting NaN\n").tells


def test_only_new_preemptions_count_and_a_restarted_server_counts_from_nothing() -> None:
    before = Reading(waiting=0, preempted=5)
    assert sample(Reading(waiting=1, preempted=8), before).preemptions == 3
    assert sample(Reading(waiting=1, preempted=2), before).preemptions == 2
    assert sample(Reading(waiting=1, preempted=2), None).preemptions == 0


@given(st.text())
def test_no_page_is_too_odd_to_read(page: str) -> None:
    reading = read_metrics(page)
    assert reading.cache is None or 0 <= reading.cache <= 1
