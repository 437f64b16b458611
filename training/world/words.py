"""The words captions are made of: for each attribute value, ways of saying it."""

import re

GROUND = {
    "sea": ("the sea", "the ocean", "the water", "a calm sea"),
    "desert": ("the desert", "a desert", "sand dunes", "the sand"),
    "meadow": ("a meadow", "green fields", "the meadow", "a grassy field"),
    "snowfield": ("the snow", "a snowfield", "a snowy field", "white snow"),
    "city": ("the city", "a city", "a city street", "the town"),
}
TIME = {
    "dawn": ("at dawn", "at sunrise", "in the early morning"),
    "day": ("by day", "in daylight", "at noon", "in the daytime"),
    "sunset": ("at sunset", "in the evening", "at dusk"),
    "night": ("at night", "by night"),
}
TIME_WORD = {
    "dawn": ("dawn", "sunrise", "early morning"),
    "day": ("day", "daytime"),
    "sunset": ("sunset", "evening"),
    "night": ("night",),
}
WEATHER_WORD = {
    "clear": ("clear", "cloudless"),
    "cloudy": ("cloudy", "clouded"),
    "rain": ("rainy", "wet"),
    "snow": ("snowy",),
    "storm": ("stormy",),
}
WEATHER = {
    "clear": ("under a clear sky", "with a clear sky", "without a cloud"),
    "cloudy": ("under clouds", "with clouds in the sky", "under a cloudy sky"),
    "rain": ("in the rain", "with rain falling", "while it rains"),
    "snow": ("in falling snow", "while it snows", "with snowflakes falling"),
    "storm": ("in a storm", "in a thunderstorm", "with lightning"),
}
BACK = {
    "mountains": ("mountains behind", "snowy peaks behind", "with mountains in the distance"),
    "hills": ("hills behind", "green hills behind", "with hills in the distance"),
    "forest": ("a forest behind", "woods behind", "with fir trees in the distance"),
}
NOUN = {
    "sailboat": ("sailboat", "sailing boat", "boat"),
    "house": ("house", "cottage", "home"),
    "tree": ("tree",),
    "lighthouse": ("lighthouse", "light tower"),
    "balloon": ("balloon", "hot air balloon"),
    "bridge": ("bridge", "arched bridge"),
    "birds": ("birds",),
}
SIZE = {"small": ("small", "little", "tiny"), "large": ("large", "big")}
PLACE = {
    "left": ("on the left", "to the left"),
    "centre": ("in the centre", "in the middle", "in the center"),
    "right": ("on the right", "to the right"),
}
LONGEST = 24  # words in a caption
KINDS_OF_PICTURE = ("a picture of", "a view of", "a poster of", "a painting of")


def vocabulary() -> tuple[str, ...]:
    """Every word a caption can hold, sorted."""
    tables = (GROUND, TIME, TIME_WORD, WEATHER_WORD, WEATHER, BACK, NOUN, SIZE, PLACE)
    phrases = [p for table in tables for options in table.values() for p in options]
    phrases += [*KINDS_OF_PICTURE, "a an and over with on in", "a flock of birds", "three birds"]
    phrases += [", the moon shining", "the sun shining"]
    phrases += ["red orange yellow green blue purple white black"]
    return tuple(sorted({w for p in phrases for w in re.findall(r"[a-z]+", p)}))
