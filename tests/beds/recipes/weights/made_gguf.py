"""made_gguf.py OUT: writes a GGUF file with made weights (llama architecture, byte vocabulary), some 500 kB.

The same bytes each time, by the standard library alone. The format: github.com/ggml-org/ggml, docs/gguf.md.
"""
import array
import random
import struct
import sys

LAYERS, WIDTH, CONTEXT, HEADS = 2, 64, 2048, 4
FEED_FORWARD = 2 * WIDTH
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
CHAT = "{% for m in messages %}<s>{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"
WORDS = "one two three four five six seven eight nine ten red green blue hello world the a of and to in is".split()

U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9


def packed(kind, value):
    if kind == STRING:
        data = value.encode()
        return struct.pack("<Q", len(data)) + data
    if kind == ARRAY:
        inner, items = value
        return struct.pack("<IQ", inner, len(items)) + b"".join(packed(inner, item) for item in items)
    return struct.pack({U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}[kind], value)


def vocabulary():
    """Pairs of text and kind."""
    tokens = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)]
    tokens += [(f"<0x{byte:02X}>", BYTE) for byte in range(256)]
    tokens += [("\u2581" + word, NORMAL) for word in WORDS]
    return tokens + [(letter, NORMAL) for letter in "\u2581abcdefghijklmnopqrstuvwxyz.,!?"]


def metadata(tokens):
    count = len(tokens)
    scores = [0.0] * 3 + [-1000.0] * 256 + [-float(i) for i in range(count - 259)]
    return [
        ("general.architecture", STRING, "llama"),
        ("general.name", STRING, "made-llama"),
        ("general.file_type", U32, 0),
        ("llama.context_length", U32, CONTEXT),
        ("llama.embedding_length", U32, WIDTH),
        ("llama.block_count", U32, LAYERS),
        ("llama.feed_forward_length", U32, FEED_FORWARD),
        ("llama.attention.head_count", U32, HEADS),
        ("llama.attention.head_count_kv", U32, HEADS),
        ("llama.attention.layer_norm_rms_epsilon", F32, 1e-5),
        ("llama.rope.dimension_count", U32, WIDTH // HEADS),
        ("llama.vocab_size", U32, count),
        ("tokenizer.ggml.model", STRING, "llama"),
        ("tokenizer.ggml.tokens", ARRAY, (STRING, [text for text, _ in tokens])),
        ("tokenizer.ggml.scores", ARRAY, (F32, scores)),
        ("tokenizer.ggml.token_type", ARRAY, (I32, [kind for _, kind in tokens])),
        ("tokenizer.ggml.unknown_token_id", U32, 0),
        ("tokenizer.ggml.bos_token_id", U32, 1),
        ("tokenizer.ggml.eos_token_id", U32, 2),
        ("tokenizer.ggml.add_bos_token", BOOL, True),
        ("tokenizer.chat_template", STRING, CHAT),
    ]


def tensors(count):
    """Triples of name, dimensions (columns first) and float32 values."""
    source = random.Random(1)

    def matrix(name, rows, columns):
        return name, [columns, rows], array.array("f", (source.gauss(0, 0.2) for _ in range(rows * columns)))

    def ones(name):
        return name, [WIDTH], array.array("f", [1.0] * WIDTH)

    made = [matrix("token_embd.weight", count, WIDTH), ones("output_norm.weight")]
    head = matrix("output.weight", count, WIDTH)
    for i in range(259 * WIDTH):  # specials and raw bytes come out seldom, so that the text is printable
        head[2][i] *= 0.01
    made.append(head)
    for layer in range(LAYERS):
        at = f"blk.{layer}."
        made += [ones(f"{at}attn_norm.weight"), ones(f"{at}ffn_norm.weight")]
        made += [matrix(f"{at}attn_{part}.weight", WIDTH, WIDTH) for part in ("q", "k", "v", "output")]
        made += [matrix(f"{at}ffn_{part}.weight", FEED_FORWARD, WIDTH) for part in ("gate", "up")]
        made.append(matrix(f"{at}ffn_down.weight", WIDTH, FEED_FORWARD))
    return made


def main(path):
    def padded(data):
        return data + bytes(-len(data) % 32)

    tokens = vocabulary()
    pairs, made = metadata(tokens), tensors(len(tokens))
    head = b"GGUF" + struct.pack("<IQQ", 3, len(made), len(pairs))
    for key, kind, value in pairs:
        head += packed(STRING, key) + struct.pack("<I", kind) + packed(kind, value)
    body = b""
    for name, dimensions, values in made:
        if sys.byteorder == "big":
            values.byteswap()
        head += packed(STRING, name) + struct.pack("<I", len(dimensions))
        head += struct.pack(f"<{len(dimensions)}Q", *dimensions) + struct.pack("<IQ", 0, len(body))
        body += padded(values.tobytes())
    with open(path, "wb") as out:
        out.write(padded(head) + body)


main(sys.argv[1])
