"""The out-of-domain benchmark: sounds that no synth of ours has made."""
