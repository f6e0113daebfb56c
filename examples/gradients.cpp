// Gradients of any order, and what they are good for: the least point of a function by Newton's method.
#include <lamina/lamina.h>

#include <iostream>

using namespace lamina;

// Rosenbrock's valley: (1 − x)² + 100·(y − x²)², least at (1, 1).
Tensor valley(const Tensor& point) {
  const Tensor x = select(point, 0, 0), y = select(point, 0, 1);
  return square(1.0 - x) + 100.0 * square(y - square(x));
}

int main() {
  const Tensor x = tracked(Tensor::from({2.0}, {})), y = tracked(Tensor::from({3.0}, {})),
               z = tracked(Tensor::from({-4.0}, {}));
  const Tensor f = (x + y) * z;
  const Tensors g = grad(f, {x, y, z});
  std::cout << "f = " << f << ", gradients " << g[0] << ", " << g[1] << ", " << g[2] << '\n';

  Tensor point = Tensor::from({-1.2, 1.0}, {2}, DType::f64);
  for (int step = 0; step < 8; ++step) {
    const Tensor slope = reshape(jacobian(valley, point), {2}), curvature = hessian(valley, point);
    const double a = curvature.at({0, 0}), b = curvature.at({0, 1}), c = curvature.at({1, 1});
    const Tensor inverse = Tensor::from({c, -b, -b, a}, {2, 2}, DType::f64) / (a * c - b * b);
    point = point - matmul(inverse, slope);
    std::cout << "step " << step + 1 << ": " << point << '\n';
  }
}
