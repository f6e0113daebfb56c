#include "bench/sequences.h"

#include "lamina/nn/layers.h"
#include "lamina/ops/ops.h"

namespace lamina::bench {

namespace {

using namespace nn;

/// Zaremba et al. 2014: words [steps, n] → scores [steps·n, words].
class LanguageModel final : public Layer {
 public:
  LanguageModel(int64_t words, int64_t width)
      : e_{{.rows = words, .dim = width}},
        r_{{.in = width, .hidden = width, .layers = 2, .batch_first = false}},
        o_{{.in = width, .out = words}} {}
  Tensor forward(const Tensor& ids) override { return flatten(o_(r_(e_(ids))), 0, 1); }
  LAMINA_FIELDS(e_, r_, o_)

 private:
  Embedding e_;
  Lstm r_;
  Linear o_;
};

/// Bahdanau et al. 2015: words [n, source + target] → scores [n·target, words].
class Translator final : public Layer {
 public:
  Translator(int64_t words, int64_t width)
      : ee_{{.rows = words, .dim = width}},
        ed_{{.rows = words, .dim = width}},
        enc_{{.in = width, .hidden = width, .bidirectional = true}},
        cell_{{.in = 3 * width, .hidden = width}},
        attention_{{.query = width, .memory = 2 * width, .score = "additive"}},
        init_{{.in = 2 * width, .out = width}},
        out_{{.in = width, .out = words}} {}
  Tensor forward(const Tensor& ids) override {
    const int64_t steps = ids.size(1) / 2;
    const Tensor memory = enc_(ee_(slice(ids, 1, 0, steps))), keys = attention_.keys(memory);
    const Tensor words = ed_(slice(ids, 1, steps, 2 * steps));
    Tensor h = tanh(init_(mean(memory, {1})));
    Tensors states;
    for (int64_t t = 0; t < steps; ++t) {
      const Tensor context = attention_(h, memory, {}, keys).context;
      h = cell_(concat({select(words, 1, t), context}, 1), h);
      states.push_back(h);
    }
    return flatten(out_(stack(states, 1)), 0, 1);
  }
  LAMINA_FIELDS(ee_, ed_, enc_, cell_, attention_, init_, out_)

 private:
  Embedding ee_, ed_;
  Gru enc_;
  GruCell cell_;
  Attention attention_;
  Linear init_, out_;
};

/// Frames [steps, n, inputs] → log-probabilities of characters [steps, n, classes].
class Speech final : public Layer {
 public:
  Speech(int64_t inputs, int64_t width, int64_t classes)
      : r_{{.in = inputs, .hidden = width, .layers = 2, .bidirectional = true, .batch_first = false}},
        o_{{.in = 2 * width, .out = classes}} {}
  Tensor forward(const Tensor& x) override { return log_softmax(o_(r_(x)), -1); }
  LAMINA_FIELDS(r_, o_)

 private:
  Lstm r_;
  Linear o_;
};

class TextCnn final : public Layer {
 public:
  TextCnn(int64_t words, double dropout) : words_{{.rows = words, .dim = 300}}, dropout_(dropout) {
    for (int64_t width : {3, 4, 5}) convolutions_.add(Conv1d{{.in = 300, .out = 100, .kernel = width}});
  }
  Tensor forward(const Tensor& ids) override {
    const Tensor x = transpose(words_(ids), 1, 2);  // [n, 300, length]
    Tensors responses;
    for (size_t i = 0; i < convolutions_.size(); ++i) responses.push_back(amax(relu(convolutions_[i](x)), {2}));
    return head_(dropout_(concat(responses, 1)));
  }
  LAMINA_FIELDS(words_, convolutions_, dropout_, head_)

 private:
  Embedding words_;
  Sequential convolutions_;
  Dropout dropout_;
  Linear head_{{.in = 300, .out = 2}};
};

}  // namespace

LayerPtr text_cnn(int64_t words, double dropout) { return std::make_unique<TextCnn>(words, dropout); }
LayerPtr language_model(int64_t words, int64_t width) { return std::make_unique<LanguageModel>(words, width); }
LayerPtr translator(int64_t words, int64_t width) { return std::make_unique<Translator>(words, width); }
LayerPtr speech(int64_t inputs, int64_t width, int64_t classes) {
  return std::make_unique<Speech>(inputs, width, classes);
}
LayerPtr forecaster(int64_t series, int64_t width) {
  return std::make_unique<Sequential>(Lstm{{.in = series, .hidden = width, .batch_first = false, .output = "last"}},
                                      Linear{{.in = width, .out = series}});
}

Tensor ctc_of(const Tensor& log_probs, const Tensor& target) {
  const int64_t frames = log_probs.size(0), n = log_probs.size(1), length = target.size(1);
  const auto all = [&](int64_t value) { return full({n}, static_cast<double>(value), DType::i64); };
  return mean(ctc_loss(log_probs, target, all(frames), all(length))) * (1.0 / static_cast<double>(length));
}

}  // namespace lamina::bench
