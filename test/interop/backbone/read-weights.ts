// What programs of PyTorch begin with: the weights of the backbone file `path`, as leaves of autograd.
// Needs json, struct, numpy as np and torch; leaves `header` and `weights`.
export const READ_WEIGHTS = `with open(path, "rb") as f:
    header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    start = f.tell()
    weights = {}
    for name, t in header.items():
        if name == "__metadata__": continue
        f.seek(start + t["data_offsets"][0])
        data = f.read(t["data_offsets"][1] - t["data_offsets"][0])
        weights[name] = torch.from_numpy(np.frombuffer(data, "<f4").reshape(t["shape"]).copy()).requires_grad_()
`;
