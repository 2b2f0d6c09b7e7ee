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
    if (bias) bias.forEach((value, output) => y.fill(value, output * to * to, (output + 1) * to * to));
    // The rows or columns whose multiples fall inside the output, for each place in the kernel.
    const first = Int32Array.from({ length: kernel }, (_, place) => Math.max(0, Math.ceil((pad - place) / stride)));
    const last = Int32Array.from({ length: kernel }, (_, place) => Math.min(from - 1, Math.floor((to - 1 + pad - place) / stride)));
    let at = 0;
    for (let input = 0; input < inputs; input++) {
      for (let output = 0; output < outputs; output++) {
        for (let down = 0; down < kernel; down++) {
          for (let right = 0; right < kernel; right++) {
            const factor = weight[at++];
            for (let row = first[down]; row <= last[down]; row++) {
              const source = (input * from + row) * from;
              const sink = (output * to + row * stride + down - pad) * to + right - pad;
              for (let column = first[right]; column <= last[right]; column++) y[sink + column * stride] += factor * x[source + column];
            }
          }
        }
      }
    }
    return y;
  },

  affine(x, { scale, shift }) {
    const y = new Float32Array(x.length), area = x.length / scale.length;
    for (let channel = 0, at = 0; channel < scale.length; channel++) {
      for (const end = at + area; at < end; at++) y[at] = x[at] * scale[channel] + shift[channel];
    }
    return y;
  },

  relu: (x) => x.map((value) => (value > 0 ? value : 0)),
  tanh: (x) => x.map(Math.tanh),
};

class Network {
  // `layers` are those of generator_page.py.
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
