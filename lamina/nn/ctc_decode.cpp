#include "lamina/nn/ctc_decode.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "lamina/core/error.h"

namespace lamina::nn {

namespace {

constexpr double kNever = -INFINITY;

double log_add(double a, double b) {
  const double top = std::max(a, b);
  return top == kNever ? kNever : top + std::log1p(std::exp(std::min(a, b) - top));
}

/// [frames, n, classes] in host memory.
struct Frames {
  std::vector<double> values;
  int64_t frames, batch, classes;
  Labels lengths;

  Frames(const Tensor& log_probs, const Tensor& given, int64_t blank, const char* name) {
    if (log_probs.rank() != 3) {
      throw Error(name, "expected log_probs [frames, n, classes]").detail("got " + log_probs.meta().str());
    }
    frames = log_probs.size(0);
    batch = log_probs.size(1);
    classes = log_probs.size(2);
    if (blank < 0 || blank >= classes) {
      throw Error(name, "blank " + std::to_string(blank) + " is not a class")
          .detail("log_probs " + log_probs.meta().str());
    }
    values = log_probs.values();
    lengths = given.defined() ? given.ints() : Labels(static_cast<size_t>(batch), frames);
    if (static_cast<int64_t>(lengths.size()) != batch) {
      throw Error(name, "expected " + std::to_string(batch) + " lengths, got " + std::to_string(lengths.size()));
    }
    for (size_t n = 0; n < lengths.size(); ++n) {
      if (lengths[n] >= 0 && lengths[n] <= frames) continue;
      throw Error(name, "length " + std::to_string(lengths[n]) + " of sample " + std::to_string(n) +
                            " is out of range 0 to " + std::to_string(frames));
    }
  }
  std::span<const double> at(int64_t t, int64_t n) const {
    return std::span(values).subspan(static_cast<size_t>((t * batch + n) * classes), static_cast<size_t>(classes));
  }
};

}  // namespace

std::vector<Labels> ctc_greedy(const Tensor& log_probs, const Tensor& lengths, int64_t blank) {
  const Frames f(log_probs, lengths, blank, "ctc_greedy");
  std::vector<Labels> result;
  for (int64_t n = 0; n < f.batch; ++n) {
    Labels labels;
    int64_t before = blank;
    for (int64_t t = 0; t < f.lengths[static_cast<size_t>(n)]; ++t) {
      const std::span<const double> row = f.at(t, n);
      const int64_t best = std::max_element(row.begin(), row.end()) - row.begin();
      if (best != blank && best != before) labels.push_back(best);
      before = best;
    }
    result.push_back(std::move(labels));
  }
  return result;
}

// ---- n-grams -----------------------------------------------------------------------------------

NgramModel::NgramModel(int64_t order, int64_t classes) : order_(order), classes_(classes) {
  if (order < 1 || classes < 1) {
    throw Error("NgramModel", "order and classes must be 1 or more, got " + std::to_string(order) + " and " +
                                  std::to_string(classes));
  }
}

void NgramModel::add(const Labels& sentence) {
  for (const int64_t label : sentence) {
    if (label < 0 || label >= classes_) {
      throw Error("NgramModel",
                  "label " + std::to_string(label) + " is out of range 0 to " + std::to_string(classes_ - 1));
    }
  }
  for (size_t i = 0; i < sentence.size(); ++i) {
    const size_t most = std::min(i, static_cast<size_t>(order_ - 1));
    for (size_t n = 0; n <= most; ++n) {
      const auto end = sentence.begin() + static_cast<std::ptrdiff_t>(i);
      Context& c = contexts_[Labels(end - static_cast<std::ptrdiff_t>(n), end)];
      ++c.total;
      ++c.counts[sentence[i]];
    }
  }
}

double NgramModel::log_prob(std::span<const int64_t> before, int64_t next) const {
  double p = 1 / static_cast<double>(classes_);
  const size_t most = std::min(before.size(), static_cast<size_t>(order_ - 1));
  for (size_t n = 0; n <= most; ++n) {
    const auto found = contexts_.find(Labels(before.end() - static_cast<std::ptrdiff_t>(n), before.end()));
    if (found == contexts_.end()) break;  // and no longer context was seen either
    const Context& c = found->second;
    const auto count = c.counts.find(next);
    // As much as there are kinds of labels in this context is left to the shorter one.
    const auto kinds = static_cast<double>(c.counts.size()), total = static_cast<double>(c.total);
    p = ((count == c.counts.end() ? 0 : static_cast<double>(count->second)) + kinds * p) / (total + kinds);
  }
  return std::log(p);
}

// ---- prefix beam -------------------------------------------------------------------------------

namespace {

struct Prefix {
  double blank = kNever, label = kNever;  // log-probability of the alignments that end so
  double model = 0;                       // what model and bonus add
  double log_prob() const { return log_add(blank, label); }
  double score() const { return log_prob() + model; }
};

using Beam = std::map<Labels, Prefix>;

std::vector<CtcHypothesis> best_of(const Beam& beam, int64_t width) {
  std::vector<CtcHypothesis> list;
  for (const auto& [labels, p] : beam) list.push_back({labels, p.log_prob(), p.score()});
  std::stable_sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  if (static_cast<int64_t>(list.size()) > width) list.resize(static_cast<size_t>(width));
  return list;
}

double model_score(const CtcBeamOptions& o, const Labels& before, int64_t next) {
  return o.label_bonus + (o.model ? o.model_weight * o.model->log_prob(before, next) : 0);
}

Beam extend(const Beam& beam, std::span<const double> frame, const CtcBeamOptions& o) {
  Beam next;
  for (const auto& [labels, p] : beam) {
    Prefix& same = next[labels];
    same.model = p.model;
    same.blank = log_add(same.blank, p.log_prob() + frame[static_cast<size_t>(o.blank)]);
    for (int64_t c = 0; c < static_cast<int64_t>(frame.size()); ++c) {
      const double emitted = frame[static_cast<size_t>(c)];
      if (c == o.blank || emitted == kNever) continue;
      const bool again = !labels.empty() && labels.back() == c;
      if (again) same.label = log_add(same.label, p.label + emitted);
      const double from = again ? p.blank : p.log_prob();  // the same label twice needs a blank between
      if (from == kNever) continue;
      Labels longer = labels;
      longer.push_back(c);
      Prefix& grown = next[longer];
      grown.model = p.model + model_score(o, labels, c);
      grown.label = log_add(grown.label, from + emitted);
    }
  }
  return next;
}

}  // namespace

std::vector<std::vector<CtcHypothesis>> ctc_beam_search(const Tensor& log_probs, const Tensor& lengths,
                                                        const CtcBeamOptions& options) {
  if (options.width < 1)
    throw Error("ctc_beam_search", "width must be 1 or more, got " + std::to_string(options.width));
  const Frames f(log_probs, lengths, options.blank, "ctc_beam_search");
  std::vector<std::vector<CtcHypothesis>> result;
  for (int64_t n = 0; n < f.batch; ++n) {
    Beam beam;
    beam[{}].blank = 0;
    for (int64_t t = 0; t < f.lengths[static_cast<size_t>(n)]; ++t) {
      const Beam next = extend(beam, f.at(t, n), options);
      beam.clear();
      for (const CtcHypothesis& h : best_of(next, options.width)) beam[h.labels] = next.at(h.labels);
    }
    result.push_back(best_of(beam, options.width));
  }
  return result;
}

// ---- alignment ---------------------------------------------------------------------------------

CtcAlignment ctc_align(const Tensor& log_probs, const Labels& target, int64_t blank) {
  if (log_probs.rank() != 2) {
    throw Error("ctc_align", "expected log_probs [frames, classes]").detail("got " + log_probs.meta().str());
  }
  const auto frames = static_cast<size_t>(log_probs.size(0)), classes = static_cast<size_t>(log_probs.size(1));
  const std::vector<double> x = log_probs.values();
  for (const int64_t label : target) {
    if (label < 0 || label >= log_probs.size(1) || label == blank) {
      throw Error("ctc_align", "label " + std::to_string(label) + " is no class that a target can have")
          .detail("log_probs " + log_probs.meta().str() + ", blank " + std::to_string(blank));
    }
  }
  const size_t states = 2 * target.size() + 1;
  const auto label = [&](size_t s) { return static_cast<size_t>(s % 2 ? target[s / 2] : blank); };
  std::vector<double> score(frames * states, kNever);
  std::vector<uint8_t> step(frames * states, 0);  // how many states back the best way came from
  for (size_t t = 0; t < frames; ++t) {
    for (size_t s = 0; s < states; ++s) {
      double best = t == 0 ? (s < 2 ? 0 : kNever) : score[(t - 1) * states + s];
      for (size_t back = 1; t > 0 && back <= std::min<size_t>(2, s); ++back) {
        if (back == 2 && (s % 2 == 0 || label(s) == label(s - 2))) break;
        const double from = score[(t - 1) * states + s - back];
        if (from <= best) continue;
        best = from;
        step[t * states + s] = static_cast<uint8_t>(back);
      }
      score[t * states + s] = best + x[t * classes + label(s)];
    }
  }
  size_t s = states - 1;
  if (frames > 0 && states > 1 && score[(frames - 1) * states + s - 1] > score[(frames - 1) * states + s]) --s;
  const double total = frames > 0 ? score[(frames - 1) * states + s] : states == 1 ? 0 : kNever;
  if (total == kNever) {
    throw Error("ctc_align", "a target of " + std::to_string(target.size()) + " labels has no alignment with " +
                                 std::to_string(frames) + " frames");
  }
  CtcAlignment result{Labels(frames), total};
  for (size_t t = frames; t-- > 0;) {
    result.places[t] = s % 2 ? static_cast<int64_t>(s / 2) : -1;
    s -= step[t * states + s];
  }
  return result;
}

}  // namespace lamina::nn
