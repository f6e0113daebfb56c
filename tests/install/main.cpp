// A program of a user: it sees what is installed and nothing else.
#include <lamina/lamina.h>

#include <iostream>

using namespace lamina;

int main() {
  const Tensor x = tracked(Tensor::from({2.0}, {1})), y = tracked(Tensor::from({3.0}, {1}));
  const Tensor z = tracked(Tensor::from({-4.0}, {1}));
  const Tensor f = mul(add(x, y), z);
  std::cout << f.item();
  for (const Tensor& g : grad(f, {x, y, z})) std::cout << ' ' << g.item();
  std::cout << '\n';
}
