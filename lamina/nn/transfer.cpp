#include "lamina/nn/transfer.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "lamina/core/error.h"
#include "lamina/core/glob.h"
#include "lamina/engine/module_path.h"
#include "lamina/nn/summary.h"

namespace lamina::nn {

namespace {

bool matches_any(const std::vector<std::string>& globs, std::string_view name) {
  return std::any_of(globs.begin(), globs.end(), [&](const std::string& g) { return matches_path(g, name); });
}

bool same_family(DType a, DType b) {
  return a == b || (is_floating(a) && is_floating(b)) || (is_integral(a) && is_integral(b));
}

/// Weights of convolutions, other in kernel or input channels alone.
bool resizable(const Shape& from, const Shape& to) {
  return from.rank() == to.rank() && to.rank() >= 3 && from[0] == to[0] && from.numel() > 0 && to.numel() > 0;
}

/// Values [outer, from, inner] → [outer, to, inner], each a weighted sum of at most two places: linear interpolation
/// between the middles of pixels, scaled by from / to.
std::vector<double> interpolated(const std::vector<double>& values, int64_t outer, int64_t from, int64_t to,
                                 int64_t inner) {
  std::vector<double> out(static_cast<size_t>(outer * to * inner));
  const double ratio = static_cast<double>(from) / static_cast<double>(to);
  for (int64_t k = 0; k < to; ++k) {
    const double at = std::clamp((static_cast<double>(k) + 0.5) * ratio - 0.5, 0.0, static_cast<double>(from - 1));
    const auto low = static_cast<int64_t>(at);
    const int64_t high = std::min(low + 1, from - 1);
    const double share = at - static_cast<double>(low);
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < inner; ++i) {
        const double a = values[static_cast<size_t>((o * from + low) * inner + i)],
                     b = values[static_cast<size_t>((o * from + high) * inner + i)];
        out[static_cast<size_t>((o * to + k) * inner + i)] = ratio * (a + share * (b - a));
      }
    }
  }
  return out;
}

/// Values [outer, from, inner] → [outer, to, inner] for other input channels.
std::vector<double> with_channels(const std::vector<double>& values, int64_t outer, int64_t from, int64_t to,
                                  int64_t inner) {
  std::vector<double> out(static_cast<size_t>(outer * to * inner));
  const double scale = to == 1 ? 1 : static_cast<double>(from) / static_cast<double>(to);
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t c = 0; c < (to == 1 ? from : to); ++c) {
      for (int64_t i = 0; i < inner; ++i) {
        out[static_cast<size_t>((o * to + (to == 1 ? 0 : c)) * inner + i)] +=
            scale * values[static_cast<size_t>((o * from + c % from) * inner + i)];
      }
    }
  }
  return out;
}

Tensor resized(const Tensor& weight, const Shape& to, DType dtype) {
  std::vector<double> values = weight.values();
  Shape at = weight.shape();
  for (int axis = 1; axis < to.rank(); ++axis) {
    if (at[axis] == to[axis]) continue;
    int64_t outer = 1, inner = 1;
    for (int i = 0; i < axis; ++i) outer *= at[i];
    for (int i = axis + 1; i < at.rank(); ++i) inner *= at[i];
    values = axis == 1 ? with_channels(values, outer, at[1], to[1], inner)
                       : interpolated(values, outer, at[axis], to[axis], inner);
    at[axis] = to[axis];
  }
  return Tensor::from(values, to, dtype);
}

/// The name that was probably meant: near in spelling, else one of the same shape with the same last word.
std::string nearest(const std::string& name, const Shape& shape, const std::map<std::string, Shape>& among) {
  NameList names;
  for (const auto& [other, ignored] : among) names.add(other);
  if (std::string near = names.nearest(name); !near.empty()) return near;
  const auto last = [](const std::string& s) { return s.substr(s.rfind('.') + 1); };
  for (const auto& [other, its] : among) {
    if (its == shape && last(other) == last(name)) return other;
  }
  return "";
}

std::map<std::string, Shape> without(std::map<std::string, Shape> names, const std::map<std::string, Shape>& others) {
  std::erase_if(names, [&](const auto& entry) { return others.contains(entry.first); });
  return names;
}

/// Collects what init_from() is to do, and what stands against it.
class Plan {
 public:
  Plan(Module& module, const std::map<std::string, Tensor>& tensors, const InitOptions& options)
      : state_(module.state()), tensors_(tensors), options_(options) {
    for (const NamedVariable& v : state_) own_[v.name] = v.variable.value().shape();
    for (const auto& [name, t] : tensors) found_[name] = t.shape();
    // A wrong name most likely means one that is wrong, or too many, on the other side.
    own_alone_ = without(own_, found_);
    found_alone_ = without(found_, own_);
    for (const NamedVariable& v : state_) place(v);
    for (const auto& [name, t] : tensors) {
      if (own_.contains(name)) continue;
      if (matches_any(options.except, name)) {
        report.unused.push_back({name, {}, t.shape()});
      } else {
        const std::string near =
            problems_.size() < kShown ? nearest(name, t.shape(), own_alone_.empty() ? own_ : own_alone_) : "";
        problems_.push_back("of the file   " + name + " " + t.meta().str() +
                            (near.empty() ? "" : ": the network's nearest is " + near));
      }
    }
  }

  void check(const std::string& source) const {
    for (const auto* globs : {&options_.except, &options_.resize}) {
      for (const std::string& g : *globs) check_glob(g, globs == &options_.except ? "except" : "resize", source);
    }
    if (problems_.empty()) return;
    Error error(source, "does not fit this network: " + std::to_string(problems_.size()) +
                            " tensors have no counterpart; nothing was changed");
    for (size_t i = 0; i < std::min(kShown, problems_.size()); ++i) error.detail(problems_[i]);
    if (problems_.size() > kShown) error.detail("… and " + std::to_string(problems_.size() - kShown) + " more");
    throw error.hint(hint());
  }

  void apply() const {
    for (const auto& [v, value] : values_) v.assign(value);
  }

  InitReport report;

 private:
  static constexpr size_t kShown = 16;  // problems

  void place(const NamedVariable& v) {
    const Tensor& own = v.variable.value();
    const auto it = tensors_.find(v.name);
    const Shape found = it == tensors_.end() ? Shape{} : it->second.shape();
    if (matches_any(options_.except, v.name)) {
      report.left.push_back({v.name, own.shape(), found});
    } else if (it == tensors_.end()) {
      const std::string near =
          problems_.size() < kShown ? nearest(v.name, own.shape(), found_alone_.empty() ? found_ : found_alone_) : "";
      problems_.push_back("of the network " + v.name + " " + own.meta().str() +
                          (near.empty() ? "" : ": the file's nearest is " + near));
      first_ = first_.empty() ? v.name : first_;
    } else if (found == own.shape() && same_family(it->second.dtype(), own.dtype())) {
      report.taken.push_back(v.name);
      const Tensor& t = it->second;
      values_.emplace_back(v.variable, t.dtype() == own.dtype() && t.is_contiguous()
                                           ? t
                                           : Tensor::from(t.values(), t.shape(), own.dtype()));
    } else if (matches_any(options_.resize, v.name) && resizable(found, own.shape()) &&
               same_family(it->second.dtype(), own.dtype())) {
      report.resized.push_back({v.name, own.shape(), found});
      values_.emplace_back(v.variable, resized(it->second, own.shape(), own.dtype()));
    } else {
      const bool named = matches_any(options_.resize, v.name);
      problems_.push_back("other shape   " + v.name + ": the network has " + own.meta().str() + ", the file " +
                          it->second.meta().str() +
                          (named ? "; only kernels and input channels of convolutions can be resized" : ""));
      first_ = first_.empty() ? v.name : first_;
    }
  }

  void check_glob(const std::string& glob, const std::string& option, const std::string& source) const {
    NameList names;
    bool matched = false;
    for (const auto* all : {&own_, &found_}) {
      for (const auto& [name, shape] : *all) {
        matched = matched || matches_path(glob, name);
        names.add(name);
      }
    }
    if (matched) return;
    const std::string near = names.nearest(glob);
    throw Error(source, "no tensor of the network or the file matches \"" + glob + "\" in " + option)
        .hint((near.empty() ? "" : "did you mean \"" + near + "\"? ") +
              "* stands for any characters, | separates alternatives: \"fc.*|aux?.*\"");
  }

  std::string hint() const {
    const std::string layer = first_.substr(0, first_.rfind('.'));
    return first_.empty() ? "name those of the file that are not wanted in except"
                          : "name in except what is to keep its own values: \"" + layer +
                                (layer == first_ ? "" : ".*") + "\"; new_head does so for the last layer";
  }

  const std::vector<NamedVariable> state_;
  const std::map<std::string, Tensor>& tensors_;
  const InitOptions& options_;
  std::map<std::string, Shape> own_, found_, own_alone_, found_alone_;
  std::vector<std::pair<Variable, Tensor>> values_;
  std::vector<std::string> problems_;
  std::string first_;  // of the network's that cannot be filled
};

/// "conv1 2, layer1 30": how many tensors of each module at the top, in order.
std::string by_module(const std::vector<std::string>& names) {
  std::vector<std::pair<std::string, int>> counts;
  for (const std::string& n : names) {
    const std::string top = n.substr(0, n.find('.'));
    if (counts.empty() || counts.back().first != top) counts.emplace_back(top, 0);
    ++counts.back().second;
  }
  std::string text;
  for (const auto& [top, count] : counts) text += (text.empty() ? "" : ", ") + top + " " + std::to_string(count);
  return text;
}

}  // namespace

bool matches_path(std::string_view glob, std::string_view path) {
  if (matches_glob(glob, path)) return true;
  const size_t dot = path.rfind('.');
  return dot != std::string_view::npos && matches_path(glob, path.substr(0, dot));
}

std::string InitReport::str() const {
  std::string text =
      "taken    " + std::to_string(taken.size()) + " tensors" + (taken.empty() ? "" : ": " + by_module(taken)) + "\n";
  for (const Tensors& t : resized) {
    text += "resized  " + t.name + " " + t.own.str() + ", from " + t.found.str() + "\n";
  }
  for (const Tensors& t : left) {
    text += "left     " + t.name + " " + t.own.str() +
            (t.found.empty()    ? ""
             : t.found == t.own ? ", though the file has one"
                                : ", the file has " + t.found.str()) +
            "\n";
  }
  for (const Tensors& t : unused) text += "unused   " + t.name + " " + t.found.str() + " of the file\n";
  return text;
}

InitReport init_from(Module& module, const std::map<std::string, Tensor>& tensors, const InitOptions& options,
                     const std::string& source) {
  const Plan plan(module, tensors, options);
  plan.check(source);
  plan.apply();
  return plan.report;
}

std::string head_of(const Layer& net, const Shape& input, DType dtype) {
  const Summary all = summary(net, input, dtype);
  for (auto row = all.rows.rbegin(); row != all.rows.rend(); ++row) {
    if (row->parameters > 0 && !row->output.empty()) return row->path;
  }
  throw Error("head", "no layer of this network has parameters");
}

namespace {

class Finder final : public CallObserver {
 public:
  Finder(const std::string& wanted, bool before) : wanted_(wanted), before_(before) {}
  void called(const Layer&, const Tensor& x, const Tensor& y) override {
    const std::string& path = current_module_path();
    if (path == wanted_) found = before_ ? x : y;
    if (!path.empty()) names.add(path);
  }
  Tensor found;
  NameList names;

 private:
  const std::string& wanted_;
  bool before_;
};

}  // namespace

Tensor features(Layer& net, const Tensor& x, const std::string& layer, bool before) {
  Finder finder(layer, before);
  net(x);
  if (finder.found.defined()) return finder.found;
  const std::string near = finder.names.nearest(layer);
  throw Error("features", "the network calls no layer \"" + layer + "\"")
      .hint((near.empty() ? "" : "did you mean \"" + near + "\"? ") + "there are: " + finder.names.str());
}

}  // namespace lamina::nn
