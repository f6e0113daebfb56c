// Trains a convolutional network on MNIST: mnist [FOLDER OF THE IDX FILES] (default: $LAMINA_DATA/mnist, or where
// `lamina data get mnist` has put them).
#include <lamina/lamina.h>

#include <iostream>

using namespace lamina;

int main(int argc, char** argv) {
  const auto [train_set, test_set] = data::mnist(argc > 1 ? argv[1] : "");
  const nn::Sequential net{nn::Conv2d{{.in = 1, .out = 32, .kernel = 3}},
                           nn::Relu{},
                           nn::MaxPool2d{2},
                           nn::Conv2d{{.in = 32, .out = 64, .kernel = 3}},
                           nn::Relu{},
                           nn::MaxPool2d{2},
                           nn::Flatten{},
                           nn::Linear{{.in = 64 * 5 * 5, .out = 10}}};
  train::Supervised task{net, loss::cross_entropy, {metrics::accuracy()}};
  train::Trainer trainer{task, optim::Adam{{.lr = 1e-3}}, {.epochs = 3, .batch = 128, .run_dir = "runs/mnist"}};
  trainer.fit(train_set, test_set);
  std::cout << trainer.evaluate(test_set) << '\n';
}
