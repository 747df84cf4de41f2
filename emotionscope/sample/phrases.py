"""What the people of the sample say."""

import numpy as np

PHRASES = {
    "anger": (
        "How dare you touch {thing}!", "I told you a hundred times to stay away from {thing}!",
        "Get out of {place}, now!",
        "That is it, {name}, I am done with you!", "Don't you ever lie to me again!", "You ruined {thing}, you idiot!",
        "I am so mad I could scream!", "Shut up, {name}! Just shut up!", "Who do you think you are?!",
        "This is all your fault, {name}!", "Stop it! Stop doing that!",
        "I hate it when you take {thing} without asking!",
    ),
    "disgust": (
        "Eww, what is that smell in {place}?", "Yuck, there is hair in {thing}.", "That is disgusting, {name}.",
        "Oh, gross. Put {thing} away, please.", "Ugh, you ate that from the floor?",
        "It's all slimy, I'm gonna be sick.",
        "I can't even look at {thing}, it's revolting.", "He licked {thing}. Who does that? Ew.", "That's just nasty.",
        "Ugh, {place} stinks like old fish.", "Take {thing} away, it's rotten.", "Oh, that is so gross, {name}.",
    ),
    "fear": (
        "Did you hear that noise in {place}?", "I'm scared, {name}. Please don't leave me alone.",
        "Oh God, somebody is out there.",
        "Please, please don't make me go into {place}.", "What if they find out about {thing}?", "Run, {name}! Run!",
        "My hands are shaking, I can't do this.", "I'm terrified of {place}.", "Don't open the door, please!",
        "Something moved behind {thing}.", "Help! Is anybody there?", "I have a bad feeling, what if we get caught?",
    ),
    "joy": (
        "I got the job, {name}! I got it!", "This is the best day ever!", "I love {thing}, thank you so much!",
        "We won! Let's celebrate at {place}!", "Ha ha, that's so funny, {name}.", "Congratulations, you two!",
        "I'm so happy you came to {place}.", "Yay, {name} is here!", "You look wonderful tonight.",
        "That was great, let's do it again!", "Aww, that is so sweet of you.", "Happy birthday, {name}!",
    ),
    "neutral": (
        "I put {thing} on the table.", "We could meet at {place} around seven.", "{name} called while you were away.",
        "The train leaves at half past nine.", "So, I have a meeting at {place} tomorrow.", "Can you pass me {thing}?",
        "I think {name} has the keys.", "It's the second door on the left.", "You need two cups of flour for this.",
        "Let me check the list again.", "I usually take the bus to {place}.", "There are two left in {thing}.",
    ),
    "sadness": (
        "I miss {name} so much.", "He's gone, and he won't come back.", "I'm sorry, I just feel so alone.",
        "We lost {thing}, it's over.", "Nobody came to {place}, nobody.", "I can't stop crying.",
        "She broke up with me, {name}.", "I wish things were different.", "I failed again. I always fail.",
        "Goodbye, {name}. I'm gonna miss you.", "It hurts, it really hurts.", "I never got to say sorry to {name}.",
    ),
    "surprise": (
        "What?! You sold {thing}?", "Wow, I did not see that coming!", "Wait, {name} is married?!",
        "Oh my God, you're back already!", "No way! Since when?", "You did what with {thing}?!",
        "Are you serious? {name} is in {place}?", "Whoa! Where did that come from?",
        "Huh?! I thought you were in {place}!",
        "I had no idea you two knew each other!", "Oh! You scared... when did you get here?",
        "You're kidding! All of it?",
    ),
}  # fmt: skip

# Said in any mood: of these only the face tells which.
AMBIGUOUS = (
    "Okay.", "Yeah.", "Oh my God.", "I know.", "Really?", "What do you mean?", "I can't believe it.",
    "Well, look at you.",
    "{name}.", "So that's {thing}.", "Oh.", "You know what, {name}?", "Right.", "No.", "Is that {thing}?",
    "Come on, {name}.",
    "I saw you at {place}.", "Look at this.", "Hey, {name}.", "You said that?", "That's it.", "It's about {thing}.",
)  # fmt: skip
THINGS = (
    "the cake", "my sandwich", "your guitar", "the old sofa", "the letter", "that jacket", "the soup", "my phone",
    "the fish tank", "his suitcase", "the present", "the car", "that lamp", "her diary",
)  # fmt: skip
PLACES = (
    "the kitchen", "the office", "the basement", "the bakery", "my apartment", "the museum", "the station",
    "the garage",
    "her hotel", "the theatre",
)  # fmt: skip


def say(rng: np.random.Generator, phrases: tuple[str, ...], names: tuple[str, ...]) -> str:
    """One of the phrases with its gaps filled, in MELD's typography."""
    phrase = phrases[rng.integers(len(phrases))]
    name, thing, place = (str(rng.choice(words)) for words in (names, THINGS, PLACES))
    return phrase.format(name=name, thing=thing, place=place).replace("'", "’").replace("...", "…")
