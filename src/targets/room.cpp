// The room's first file; removed once the room has another.
