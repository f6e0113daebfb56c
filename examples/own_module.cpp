// A module of one's own, and a training loop without the trainer: forward, backward and update are recorded once and
// replayed. Learns XOR.
#include <lamina/lamina.h>

#include <iostream>

using namespace lamina;

struct XorOptions {
  int64_t hidden = 8;
};

class XorNet : public nn::Layer {
 public:
  explicit XorNet(XorOptions o = {}) : fc1_{{.in = 2, .out = o.hidden}}, fc2_{{.in = o.hidden, .out = 1}} {}
  Tensor forward(const Tensor& x) override { return fc2_(tanh(fc1_(x))); }
  LAMINA_FIELDS(fc1_, fc2_)  // the one listing: names "fc1.weight", …

 private:
  nn::Linear fc1_, fc2_;
};

int main() {
  XorNet net;
  optim::Adam adam{{.lr = 0.05}};
  adam.bind(net.named_parameters());
  std::vector<Variable> state = adam.parameters();  // what the step changes: the parameters, Adam's moments, …
  for (const nn::NamedVariable& v : adam.state()) state.push_back(v.variable);

  graph::Captured step(
      [&](const Tensors& batch) {
        const auto [loss, grads] =
            value_and_grad([&] { return loss::bce_with_logits(net(batch[0]), batch[1]); }, adam.parameters());
        adam.step(grads);
        return Tensors{loss};
      },
      state);

  const Tensor x = Tensor::from({0, 0, 0, 1, 1, 0, 1, 1}, {4, 2}), y = Tensor::from({0, 1, 1, 0}, {4, 1});
  for (int i = 0; i < 500; ++i) {
    const double loss = step({x, y})[0].item();
    if (i % 100 == 0) std::cout << "step " << i << ": loss " << loss << '\n';
  }
  std::cout << "0 xor 0, 0 xor 1, 1 xor 0, 1 xor 1: " << reshape(sigmoid(net(x)), {4}) << '\n';
  std::cout << step.report().str();
}
