"""One door per heavy library: image codecs, mesh files, ray casting. No rule of ours lives here."""
