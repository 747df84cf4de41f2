"""Forty plain sentences in seven emotions and what the text model answers, as a Markdown table.

They are nobody's data: written for this, before any answer was seen, with capitals, emoji, negation and swearing.
`python -m benchmarks.sentences --encoder` adds the answers of the sentence encoder.
"""

from dataclasses import dataclass

from emotionscope import api, cli
from emotionscope.commands.settings.shared import AnswerFlags

SENTENCES = {
    "anger": (
        "Get your hands off my bag, you thief!",
        "I am sick of your lies.",
        "WHO PARKED IN FRONT OF MY GARAGE AGAIN",
        "This is the third time you cancelled. What the hell is wrong with you?",
        "He makes me so mad 😡",
        "Don't you dare talk to my daughter like that.",
    ),
    "disgust": (
        "There is hair in my soup, yuck.",
        "The fridge smells like something died in it.",
        "Eww, he licked the spoon and put it back.",
        "I can't look at that wound, it makes me want to throw up 🤢",
        "That is the most revolting thing I have ever eaten.",
    ),
    "fear": (
        "I think somebody is in the house.",
        "I'm terrified of flying.",
        "Please don't leave me alone in the dark.",
        "The doctor wants to see me at once and I am really scared.",
        "What if they find out? They will kill us 😨",
        "Did you hear that noise? My hands are shaking.",
    ),
    "joy": (
        "We won the cup!!!",
        "I'm so happy you could come.",
        "What a beautiful morning, I love it here.",
        "I GOT THE JOB 🎉",
        "Not bad at all, this is the best pizza in town!",
        "Thank you so much, you made my day 😊",
    ),
    "neutral": (
        "The meeting starts at ten.",
        "You can leave the keys on the table.",
        "I usually take the bus to work.",
        "The library is closed on Mondays.",
        "He said he would call after lunch.",
        "It costs about twelve euros.",
    ),
    "sadness": (
        "My grandmother died last night.",
        "I miss my old friends so much.",
        "Nobody came to my birthday 😢",
        "I don't feel like doing anything any more.",
        "We broke up and I can't stop crying.",
        "I wish I had said goodbye to him.",
    ),
    "surprise": (
        "Wait, you two are married?!",
        "Oh my god, I did not see that coming!",
        "No way! How did you get here so fast?",
        "WHAT?! He was a spy all along?",
        "Wow, I had no idea you could sing 😮",
    ),
}


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Sentences(AnswerFlags):
    """Settings of the sentences."""


def run(settings: Sentences) -> None:
    """Print the table, with the number of right answers in its head."""
    rows = [(text, emotion) for emotion, texts in SENTENCES.items() for text in texts]
    answers = {}
    for name, encoder in {"n-grams": False, "with the encoder": True}.items():
        if settings.encoder or not encoder:
            found = api.load(settings.bundle, encoder=encoder).texts([text for text, _ in rows])
            answers[name] = found["emotion"].tolist()
    right = {
        name: sum(answer == emotion for answer, (_, emotion) in zip(found, rows, strict=True))
        for name, found in answers.items()
    }
    heads = [f"{name}: {count} of {len(rows)}" for name, count in right.items()]
    print(f"| Sentence | Meant | {' | '.join(heads)} |\n|---|---|{'---|' * len(heads)}")
    for number, (text, emotion) in enumerate(rows):
        given = [f"**{found[number]}**" if found[number] == emotion else found[number] for found in answers.values()]
        print(f"| {text} | {emotion} | {' | '.join(given)} |")


if __name__ == "__main__":
    cli.main(run)
