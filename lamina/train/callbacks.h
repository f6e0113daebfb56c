// The trainer's own callbacks. Trainer::fit adds those that its options ask for; write your own beside them.
#pragma once

#include "lamina/train/callback.h"

namespace lamina::train {

/// A bar with rate, time left, loss and metrics where standard error is a terminal; else a line per epoch (and every
/// half minute).
CallbackPtr show_progress();

/// run_dir/log.jsonl: an object per line. {"event": "step", "epoch", "step", "loss", "lr"} every options().log_steps
/// steps, the loss being the mean since the line before; {"event": "epoch", …} with all values; {"event": "statistics"}
/// with norms; {"event": "stop", "reason"}.
CallbackPtr log_json_lines();

/// run_dir/log.csv: a row per epoch.
CallbackPtr log_csv();

/// Stops after options().patience epochs without improvement.
CallbackPtr stop_early();

/// Saves after each epoch, every options().checkpoint_steps steps, and where a run stops within an epoch.
CallbackPtr save_checkpoints();

/// "0:42", "1:03:20".
std::string clock_text(double seconds);
/// A value for people: "0.9871", "1.2e-05".
std::string value_text(double value);

}  // namespace lamina::train
