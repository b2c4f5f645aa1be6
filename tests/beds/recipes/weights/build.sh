# out/made-llama.gguf: half a megabyte of made weights that the real engine loads; same bytes each time.
python3 "$recipe/made_gguf.py" out/made-llama.gguf
