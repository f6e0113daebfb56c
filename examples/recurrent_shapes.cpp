// Recurrent networks in all shapes of use, each on a task that it learns in a second or two: one to one, one to many,
// many to one, many to many step by step, and many to many by encoder and decoder. Ends with 1 where one has not
// learned.
#include <lamina/lamina.h>

#include <functional>
#include <iostream>

using namespace lamina;

/// Adam on a loss over batches, recorded once and replayed.
void learn(nn::Module& net, int steps, const std::function<Tensor(const Tensors&)>& loss,
           const std::function<Tensors()>& batch) {
  optim::Adam adam{{.lr = 1e-2}};
  adam.bind(net.named_parameters());
  std::vector<Variable> state = adam.parameters();
  for (const nn::NamedVariable& v : adam.state()) state.push_back(v.variable);
  graph::Captured step(
      [&](const Tensors& in) {
        const auto [value, grads] = value_and_grad([&] { return loss(in); }, adam.parameters());
        adam.step(optim::clip_norm(grads, 1.0));
        return Tensors{value};
      },
      state);
  for (int i = 0; i < steps; ++i) step(batch());
}

/// Whole numbers from 0 to below n.
Tensor whole(const Shape& shape, int64_t n) {
  return cast(random_uniform(shape, 0, static_cast<double>(n)), DType::i64);
}

double share_equal(const Tensor& a, const Tensor& b) { return mean(cast(eq(a, b), DType::f32)).item(); }

/// Scores [n, steps, classes], targets [n, steps].
Tensor cross_entropy_of_steps(const Tensor& scores, const Tensor& targets) {
  return loss::cross_entropy(flatten(scores, 0, 1), flatten(targets));
}

bool judge(const std::string& what, double accuracy) {
  std::cout << what << ": " << 100 * accuracy << " % right\n";
  return accuracy >= 0.95;
}

// One input, one output, no time: exclusive or.
bool one_to_one() {
  nn::Sequential net{nn::Linear{{.in = 2, .out = 8}}, nn::Tanh{}, nn::Linear{{.in = 8, .out = 2}}};
  const Tensor x = Tensor::from({0, 0, 0, 1, 1, 0, 1, 1}, {4, 2}), y = Tensor::from({0, 1, 1, 0}, {4}, DType::i64);
  learn(
      net, 300, [&](const Tensors& in) { return loss::cross_entropy(net(in[0]), in[1]); },
      [&] { return Tensors{x, y}; });
  return judge("one to one (exclusive or)", share_equal(argmax(net(x), 1), y));
}

// One input, many outputs: k → k, k − 1, …, 0, 0. The input becomes the state that the network starts from.
class Countdown : public nn::Module {
 public:
  Tensor operator()(const Tensor& k) {
    const Tensor start = tanh(first_(one_hot(k, 6)));
    return head_(cell_(zeros({k.size(0), 6, 1}), nn::RecurrentState{unsqueeze(start, 0), {}}).y);
  }
  LAMINA_FIELDS(first_, cell_, head_)

 private:
  nn::Linear first_{{.in = 6, .out = 16}};
  nn::Gru cell_{{.in = 1, .hidden = 16}};
  nn::Linear head_{{.in = 16, .out = 6}};
};

bool one_to_many() {
  Countdown net;
  const Tensor k = arange(0, 6, 1, DType::i64);
  const Tensor y = maximum(unsqueeze(k, 1) - unsqueeze(k, 0), zeros({1, 1}, DType::i64));
  learn(
      net, 300, [&](const Tensors& in) { return cross_entropy_of_steps(net(in[0]), in[1]); },
      [&] { return Tensors{k, y}; });
  return judge("one to many (countdown)", share_equal(argmax(net(k), 2), y));
}

// Many inputs, one output: is the first of eight numbers positive?
bool many_to_one() {
  nn::Sequential net{nn::Lstm{{.in = 1, .hidden = 12, .output = "last"}}, nn::Linear{{.in = 12, .out = 2}}};
  const auto batch = [] {
    const Tensor x = random_uniform({64, 8, 1}, -1, 1);
    return Tensors{x, cast(gt(select(select(x, 2, 0), 1, 0), 0.0), DType::i64)};
  };
  learn(net, 300, [&](const Tensors& in) { return loss::cross_entropy(net(in[0]), in[1]); }, batch);
  const Tensors test = batch();
  return judge("many to one (sign of the first)", share_equal(argmax(net(test[0]), 1), test[1]));
}

// An output at each step: have the bits so far an odd sum?
bool many_to_many() {
  nn::Sequential net{nn::Lstm{{.in = 1, .hidden = 12}}, nn::Linear{{.in = 12, .out = 2}}};
  const auto batch = [] {
    const Tensor bits = whole({64, 8}, 2), sums = cumsum(bits, 1);
    return Tensors{cast(unsqueeze(bits, 2), DType::f32), sums - floor(sums / 2.0) * 2.0};
  };
  const auto parity = [](const Tensor& y) { return cast(y, DType::i64); };
  learn(
      net, 500, [&](const Tensors& in) { return cross_entropy_of_steps(net(in[0]), in[1]); },
      [&] {
        const Tensors b = batch();
        return Tensors{b[0], parity(b[1])};
      });
  const Tensors test = batch();
  return judge("many to many, aligned (parity)", share_equal(argmax(net(test[0]), 2), parity(test[1])));
}

// Encoder and decoder: five symbols in, the same backwards out. In training the decoder reads the true symbols, in use
// its own.
class Reverser : public nn::Module {
 public:
  static constexpr int64_t kSymbols = 4, kStart = 4, kSteps = 5;

  Tensor encoded(const Tensor& x) { return select(encoder_(symbols_(x), nn::RecurrentState{}).state.h, 0, 0); }
  /// One step: the symbol before, the state → scores, new state.
  std::pair<Tensor, Tensor> next(const Tensor& symbol, const Tensor& h) {
    const Tensor state = decoder_(symbols_(symbol), h);
    return {head_(state), state};
  }
  /// Scores [n, steps, symbols], the decoder fed with `truth`.
  Tensor taught(const Tensor& x, const Tensor& truth) {
    Tensor h = encoded(x), symbol = full({x.size(0)}, static_cast<double>(kStart), DType::i64);
    Tensors scores;
    for (int64_t t = 0; t < kSteps; ++t) {
      const auto [s, state] = next(symbol, h);
      scores.push_back(s);
      h = state;
      symbol = select(truth, 1, t);
    }
    return stack(scores, 1);
  }
  Tensor decoded(const Tensor& x) {
    Tensor h = encoded(x), symbol = full({x.size(0)}, static_cast<double>(kStart), DType::i64);
    Tensors symbols;
    for (int64_t t = 0; t < kSteps; ++t) {
      const auto [s, state] = next(symbol, h);
      h = state;
      symbol = argmax(s, 1);
      symbols.push_back(symbol);
    }
    return stack(symbols, 1);
  }
  LAMINA_FIELDS(symbols_, encoder_, decoder_, head_)

 private:
  nn::Embedding symbols_{{.rows = kSymbols + 1, .dim = 8}};
  nn::Gru encoder_{{.in = 8, .hidden = 48}};
  nn::GruCell decoder_{{.in = 8, .hidden = 48}};
  nn::Linear head_{{.in = 48, .out = kSymbols}};
};

bool encoder_decoder() {
  Reverser net;
  const auto batch = [] {
    const Tensor x = whole({64, Reverser::kSteps}, Reverser::kSymbols);
    Tensors backwards;
    for (int64_t t = Reverser::kSteps - 1; t >= 0; --t) backwards.push_back(select(x, 1, t));
    return Tensors{x, stack(backwards, 1)};
  };
  learn(net, 700, [&](const Tensors& in) { return cross_entropy_of_steps(net.taught(in[0], in[1]), in[1]); }, batch);
  const Tensors test = batch();
  return judge("many to many, encoder and decoder (backwards)", share_equal(net.decoded(test[0]), test[1]));
}

int main() {
  nn::seed(1);
  bool learned = true;
  for (const auto task : {one_to_one, one_to_many, many_to_one, many_to_many, encoder_decoder})
    learned = task() && learned;
  return learned ? 0 : 1;
}
