"""An archive of real films and clips with faces, scored as `score --faces` scores it but without Ray."""

import shutil
from pathlib import Path

import av
import pyarrow as pa

from emotionscope.batch import stages
from emotionscope.bundle import store as bundles
from emotionscope.tables import contracts, datasets
from emotionscope.video import keyframes
from emotionscope.video.faces import FaceSettings
from emotionscope.video.video_faces import VideoFaces

TEASER, ACTOR = "tears_of_steel_teaser_960x400.mp4", "cremad_1001_six_emotions.mp4"
OLD = "old.flv"  # the actor's film in a container that browsers do not play
# Words and times as the films' subtitles have them, and a speaker of our own.
LINES = (
    (TEASER, "Celia", 0.6, 4.0, "Why don't you just admit that you're freaked out by my robot hand?"),
    (TEASER, "Engineer", 24.0, 26.0, "This is pretty freaky."),
    (TEASER, "Thom", 32.2, 34.2, "It's not my fault, you know."),
    *(
        (film, "Actor", start, end, "Don't forget a jacket.")
        for film in (ACTOR, OLD)
        for start, end in ((0.0, 2.0), (2.0, 3.9))
    ),
)


def make_archive(films: Path, clips: Path, folder: Path) -> None:
    """Write `scores` and `faces` of the films, of the oldest container, and of two clips, and the `videos`."""
    videos = folder / "videos"
    videos.mkdir(parents=True)
    for film in (TEASER, ACTOR):
        shutil.copyfile(films / film, videos / film)
    names = [path.name for path in sorted(clips.glob("*.mp4"))[:2]]
    for name in names:
        shutil.copyfile(clips / name, videos / name)
    _remux(videos / ACTOR, videos / OLD)
    rows = [
        {"dialogue_id": film, "video": film, "speaker": speaker, "start": start, "end": end, "utterance": words}
        for film, speaker, start, end, words in LINES
    ]
    rows += [{"dialogue_id": "clips", "video": name, "utterance": "What is said here?"} for name in names]
    counts: dict[str, int] = {}
    for row in rows:
        row["utterance_id"] = counts.get(str(row["dialogue_id"]), 0)
        counts[str(row["dialogue_id"])] = row["utterance_id"] + 1
    wanted = [column for column in contracts.DIALOGUES.columns if column.name not in ("emotion", "split")]
    table = pa.Table.from_pylist(rows, pa.schema([(column.name, column.type) for column in wanted]))
    faces = VideoFaces(FaceSettings(speakers="never", embeddings=True))
    found = keyframes.extract(table, str(videos), faces.of_file).drop_columns([keyframes.TRACKS])
    bundle = bundles.load(bundles.chosen(None))
    assert bundle.vision is not None
    seen = stages.predict_faces(stages.read_faces(found, bundle.vision.image_size), bundle.vision)
    datasets.write_part(stages.faces_of(seen, bundle.version, embeddings=True), f"{folder}/faces/part-0.parquet")
    datasets.write_part(stages.fuse(seen, bundle), f"{folder}/scores/part-0.parquet")


def _remux(source: Path, target: Path) -> None:
    with av.open(str(source)) as film, av.open(str(target), "w", format="flv") as copy:
        track = film.streams.video[0]
        stream = copy.add_stream_from_template(track)
        for packet in film.demux(track):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
