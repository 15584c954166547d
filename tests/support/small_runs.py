"""The shortest split of Meridia that a run allows: a third of the whole one's situations, and one origin inside training."""

from __future__ import annotations

from datetime import date

TRAIN_END, TEST_END = date(2030, 8, 13), date(2030, 9, 15)
SHORT = {"train_end": TRAIN_END, "test_end": TEST_END}
