// A generator's forward pass on one latent. Values are Float32Arrays of channels x height x width.

function decode(text, type) {
  return new type(Uint8Array.from(atob(text), (one) => one.charCodeAt(0)).buffer);
}

const OPERATIONS = {
  dense(x, { inputs, weight, bias }) {
    const y = new Float32Array(weight.length / inputs);
    for (let output = 0; output < y.length; output++) {
      let sum = bias ? bias[output] : 0;
      for (let input = 0, at = output * inputs; input < inputs; input++) sum += weight[at + input] * x[input];
      y[output] = sum;
    }
    return y;
  },

  // Each input pixel adds its multiple of the kernel to the output.
  deconvolve(x, layer) {
    const { inputs, outputs, kernel, stride, pad, weight, bias, from, to } = layer;
    const y = new Float32Array(outputs * to * to);
    for (let output = 0; output < outputs; output++) {
      const plane = output * to * to;
      if (bias) y.fill(bias[output], plane, plane + to * to);
      for (let input = 0; input < inputs; input++) {
        for (let tap = 0; tap < kernel * kernel; tap++) {
          const factor = weight[(input * outputs + output) * kernel * kernel + tap];
          const down = Math.floor(tap / kernel) - pad, right = (tap % kernel) - pad;
          // The columns whose multiples fall inside the output.
          const first = Math.max(0, Math.ceil(-right / stride)), last = Math.min(from - 1, Math.floor((to - 1 - right) / stride));
          for (let row = 0; row < from; row++) {
            const target = row * stride + down;
            if (target < 0 || target >= to) continue;
            const source = (input * from + row) * from, sink = plane + target * to + right;
            for (let column = first; column <= last; column++) y[sink + column * stride] += factor * x[source + column];
          }
        }
      }
    }
    return y;
  },

  affine(x, { scale, shift }) {
    const area = x.length / scale.length;
    return x.map((value, at) => value * scale[Math.floor(at / area)] + shift[Math.floor(at / area)]);
  },

  relu: (x) => x.map((value) => (value > 0 ? value : 0)),
  tanh: (x) => x.map(Math.tanh),
};

class Network {
  // `layers` are those of browser_layers.py.
  constructor(layers) {
    this.layers = layers.map((layer) => {
      const arrays = ["weight", "bias", "scale", "shift"].filter((name) => name in layer);
      return { ...layer, ...Object.fromEntries(arrays.map((name) => [name, decode(layer[name], Float32Array)])) };
    });
  }

  // Returns bytes of channels x height x width; the array rounds to even and clips as Python's to_bytes does.
  draw(latent) {
    const image = this.layers.reduce((x, layer) => OPERATIONS[layer.op](x, layer), latent);
    return Uint8ClampedArray.from(image, (value) => (value + 1) * 127.5);
  }
}
