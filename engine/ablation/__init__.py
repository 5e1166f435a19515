"""Ablation: which lessons of a run's candidate help and which hurt, measured on held-out tasks within a budget.

`subject.py` is what a run gives, `trials.py` measures skills as long as the tokens last, `ablate.py` puts both into the
table of `workspace/ablation/table.py`. Everything is kept below `RUN/ablation/`, so what is paid is not paid again.
"""
