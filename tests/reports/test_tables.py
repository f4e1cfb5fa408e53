from synthmatch_jax.reports import tables


def summary(mean, low, high, count=3):
  return {"mean": mean, "median": mean, "low": low, "high": high, "count": count}


def test_a_table_over_all_sounds_and_one_for_each_family():
  metrics = {
    "mss": {"unit": "dB", "better": "lower"},
    "rms_cosine": {"unit": "", "better": "higher"},
  }
  rows = {
    "model": {"mss": summary(1.23456, 1.1, 1.35), "rms_cosine": summary(0.5, 0.5, 0.5)},
    "mean": {"mss": summary(0.0, 0.0, 0.0), "rms_cosine": summary(None, None, None, 0)},
  }
  text = tables.markdown({"metrics": metrics, "rows": rows, "families": {"flute": rows}})
  assert text.splitlines() == [
    "| mean (95 % interval) | model | mean |",
    "| --- | ---: | ---: |",
    "| mss (dB) ↓ | 1.23 (1.1 to 1.35) | 0 |",
    "| rms_cosine ↑ | 0.5 | - |",
    "",
    "flute, 3 sounds:",
    "",
    "| mean | model | mean |",
    "| --- | ---: | ---: |",
    "| mss (dB) ↓ | 1.23 | 0 |",
    "| rms_cosine ↑ | 0.5 | - |",
  ]
