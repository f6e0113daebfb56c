// What a checkpoint holds besides tensors, and going on from one.
#include <cmath>
#include <nlohmann/json.hpp>

#include "lamina/core/error.h"
#include "lamina/io/files.h"
#include "lamina/train/checkpoint.h"
#include "lamina/train/trainer_internal.h"

namespace lamina::train {

using nlohmann::ordered_json;

namespace {

constexpr int kFormat = 1;

void check_identity(const ordered_json& saved, const ordered_json& now, const std::string& file) {
  Error error(file, "the run was started with other settings, so it cannot go on");
  bool same = true;
  for (const auto& [key, value] : now.items()) {
    if (!saved.contains(key) || saved.at(key) == value) continue;
    same = false;
    error.detail(key + ": started with " + saved.at(key).dump() + ", now " + value.dump());
  }
  if (!same) throw error.hint("use the settings of the run, or another run directory");
}

std::string padded(int64_t number, size_t digits) {
  const std::string text = std::to_string(number);
  return std::string(digits - std::min(digits, text.size()), '0') + text;
}

double number_or_nan(const ordered_json& j) { return j.is_number() ? j.get<double>() : NAN; }

}  // namespace

std::string Trainer::Impl::identity() const {
  const auto fingerprint = [](const data::DatasetPtr& set) { return set ? set->info().fingerprint : ""; };
  ordered_json unfreeze = ordered_json::array();
  for (const Unfreezing& u : options.unfreeze) unfreeze.push_back({{"epoch", u.epoch}, {"layers", u.layers}});
  const ordered_json j = {{"optimizer", optimizer->name()},
                          {"batch", options.batch},
                          {"seed", options.seed},
                          {"clip_norm", options.clip_norm},
                          {"clip_value", options.clip_value},
                          {"l1", options.l1},
                          {"l2", options.l2},
                          {"accumulate", options.accumulate},
                          {"ema_decay", options.ema_decay},
                          {"swa_epochs", options.swa_epochs},
                          {"freeze", options.freeze},
                          {"unfreeze", unfreeze},
                          {"best_metric", best.metric},
                          {"training data", fingerprint(train_set)},
                          {"training examples", train_set->size()},
                          {"validation data", fingerprint(validation_set)},
                          {"validation examples", validation_set ? validation_set->size() : 0}};
  return j.dump();
}

std::string Trainer::Impl::state() const {
  ordered_json j;
  j["format"] = kFormat;
  j["lamina"] = LAMINA_VERSION;
  j["epoch"] = epoch_done ? progress.epoch + 1 : progress.epoch;
  j["batch"] = epoch_done ? 0 : progress.batch;
  j["examples"] = epoch_done ? 0 : progress.examples;
  j["loss_sum"] = epoch_done ? 0.0 : loss_sum;
  j["epoch_done"] = epoch_done;
  j["step"] = progress.step;
  j["loss"] = progress.loss;
  j["seconds"] = earlier_seconds + progress.seconds;
  j["values"] = progress.values;
  j["random"] = random.state().value().ints();
  j["best"] = {{"metric", best.metric}, {"value", best.value}, {"epoch", best.epoch}, {"checkpoint", best.checkpoint}};
  j["schedule"] = schedule ? schedule->state() : std::vector<double>{};
  if (average) j["average"] = {{"count", average->count()}, {"epoch", averaged_epoch}};
  j["identity"] = ordered_json::parse(identity());
  for (const CallbackPtr& c : active) j["callbacks"][c->name()] = ordered_json::parse(c->state());
  return j.dump(2) + "\n";
}

void Trainer::Impl::load_state(const std::string& json, const std::string& file) {
  try {
    const ordered_json j = ordered_json::parse(json);
    if (j.at("format") != kFormat) {
      throw Error(file,
                  "format " + j.at("format").dump() + " is unknown; this version reads " + std::to_string(kFormat));
    }
    check_identity(j.at("identity"), ordered_json::parse(identity()), file);
    progress.epoch = j.at("epoch").get<int64_t>();
    progress.batch = j.at("batch").get<int64_t>();
    progress.examples = j.at("examples").get<int64_t>();
    progress.step = j.at("step").get<int64_t>();
    progress.loss = number_or_nan(j.at("loss"));
    loss_sum = number_or_nan(j.at("loss_sum"));
    earlier_seconds = j.at("seconds").get<double>();
    for (const auto& [name, value] : j.at("values").items()) progress.values[name] = number_or_nan(value);
    const auto key = j.at("random").get<std::vector<int64_t>>();
    random.state().assign(Tensor::from(std::span<const int64_t>(key), {2}));
    if (average) {
      average->set_count(j.at("average").at("count").get<int64_t>());
      averaged_epoch = j.at("average").at("epoch").get<int64_t>();
    }
    const ordered_json& b = j.at("best");
    best.value = number_or_nan(b.at("value"));
    best.epoch = b.at("epoch").get<int64_t>();
    best.checkpoint = b.at("checkpoint").get<std::string>();
    if (schedule) schedule->load_state(j.at("schedule").get<std::vector<double>>());
    for (const CallbackPtr& c : active) {
      const auto it = j.at("callbacks").find(c->name());
      if (it != j.at("callbacks").end()) c->load_state(it->dump());
    }
  } catch (const nlohmann::json::exception& e) {
    throw Error(file, std::string("is not the state of a run: ") + e.what())
        .hint("the file was changed or damaged; point checkpoints/last to an older checkpoint to go on from there");
  }
}

std::vector<nn::NamedVariable> Trainer::Impl::optimizer_state() const {
  std::vector<nn::NamedVariable> all = optimizer->state();
  if (average) {
    const std::vector<nn::NamedVariable> training = average->training();
    all.insert(all.end(), training.begin(), training.end());
  }
  return all;
}

bool Trainer::Impl::resume() {
  const std::string last = pointed_to(options.run_dir, "last");
  if (last.empty()) return false;
  const std::string folder = find_checkpoint(options.run_dir, last), file = folder + "/state.json";
  const std::string text = io::read_file(file);
  // The state is checked first, tensors come last: nothing is half loaded where one of them does not fit.
  load_state(text, file);
  const bool averaged = average && average->active();
  load_variables(averaged ? average->averaged() : task.module().state(), folder + "/model.safetensors", "network");
  load_variables(optimizer_state(), folder + "/optimizer.safetensors", "optimizer");
  if (!best.checkpoint.empty() && pointed_to(options.run_dir, "best") != best.checkpoint) {
    point_to(options.run_dir, "best", best.checkpoint);
  }
  const bool done = progress.batch == 0 && progress.step > 0;
  rewind_log(options.run_dir, progress.step, done);
  return true;
}

std::string Trainer::Impl::save_checkpoint() {
  if (options.run_dir.empty())
    throw Error("trainer", "there is no run directory to save a checkpoint in").hint("set run_dir");
  const std::string name = epoch_done ? "epoch-" + padded(progress.epoch + 1, 4) : "step-" + padded(progress.step, 8);
  const bool is_best = epoch_done && best.epoch == progress.epoch;
  if (is_best) best.checkpoint = name;
  // `model` is what is evaluated and used: where weights are averaged, those that training goes on with lie beside the
  // optimizer's state.
  const bool averaged = average && average->active();
  write_checkpoint(options.run_dir, name,
                   {averaged ? average->averaged() : task.module().state(), optimizer_state(), state()});
  point_to(options.run_dir, "last", name);
  if (is_best) point_to(options.run_dir, "best", name);
  drop_old_checkpoints(options.run_dir, options.keep);
  return name;
}

}  // namespace lamina::train
