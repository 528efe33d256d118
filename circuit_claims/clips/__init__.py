"""What goes in: manifests of clip pairs, which frames are sampled, and files decoded to pixels."""
