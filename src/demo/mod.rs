//! A small relying party of ours: the demo app.
