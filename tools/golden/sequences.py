"""Recurrent layers with states, lengths and second derivatives, and CTC: tests/golden/sequences.json."""
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from common import pack, save

LENGTHS = torch.tensor([5, 2, 3])


def recurrent(make, cell):
    net = make()
    x = torch.randn(3, 5, 4, requires_grad=True)
    directions = 2 if net.bidirectional else 1
    h0 = torch.randn(net.num_layers * directions, 3, net.hidden_size, requires_grad=True)
    c0 = torch.randn_like(h0, requires_grad=True) if cell else None
    state = (h0, c0) if cell else h0
    packed = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    y, last = net(packed, state)
    y, _ = pad_packed_sequence(y, batch_first=True)
    results = [y, *(last if cell else [last])]
    weights = [torch.randn_like(r) for r in results]
    total = sum((r * w).sum() for r, w in zip(results, weights))
    inputs = [x, h0, *([c0] if cell else [])]
    wanted = [*inputs, *net.parameters()]
    first = torch.autograd.grad(total, wanted, create_graph=True)
    second = torch.autograd.grad(sum((g * g).sum() for g in first), wanted)
    names = ["x", "h0", *(["c0"] if cell else []), *[n for n, _ in net.named_parameters()]]
    return {
        "state": {k: pack(v) for k, v in net.state_dict().items()},
        "lengths": pack(LENGTHS),
        "inputs": {n: pack(v) for n, v in zip(names, inputs)},
        "results": [pack(r) for r in results],
        "weights": [pack(w) for w in weights],
        "first": {n: pack(g) for n, g in zip(names, first)},
        "second": {n: pack(g) for n, g in zip(names, second)},
    }


def ctc(blank):
    logits = torch.randn(9, 4, 5, requires_grad=True)
    targets = torch.tensor([[1, 1, 2], [3, 2, 0], [2, 0, 0], [0, 0, 0]])
    if blank:
        targets = torch.tensor([[1, 1, 2], [3, 0, 0], [0, 0, 0], [0, 0, 0]])
    frames, lengths = torch.tensor([9, 7, 2, 5]), torch.tensor([3, 2, 1, 0])
    loss = nn.functional.ctc_loss(logits.log_softmax(2), targets, frames, lengths, blank, "none")
    weights = torch.tensor([0.5, -1.0, 2.0, 1.0])
    (grad,) = torch.autograd.grad((loss * weights).sum(), logits)
    return {"logits": pack(logits), "targets": pack(targets), "frames": pack(frames), "lengths": pack(lengths),
            "blank": blank, "loss": pack(loss), "weights": pack(weights), "grad": pack(grad)}


torch.manual_seed(2)
save("sequences.json", {
    "Lstm": recurrent(lambda: nn.LSTM(4, 3, 2, bidirectional=True, batch_first=True), True),
    "Gru": recurrent(lambda: nn.GRU(4, 3, 2, bidirectional=True, batch_first=True), False),
    "Rnn": recurrent(lambda: nn.RNN(4, 3, 2, bidirectional=True, batch_first=True), False),
    "ctc": ctc(0),
    "ctc, last class blank": ctc(4),
})
