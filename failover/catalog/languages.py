"""Languages by code and by English name, as speech models list them.

The codes and names are those of Whisper's tokenizer (ISO 639-1 where there is one).
"""

from __future__ import annotations

from typing import Any, Final

_TABLE: Final = """
af afrikaans|am amharic|ar arabic|as assamese|az azerbaijani|ba bashkir|be belarusian|bg bulgarian
bn bengali|bo tibetan|br breton|bs bosnian|ca catalan,valencian|cs czech|cy welsh|da danish
de german|el greek|en english|es spanish,castilian|et estonian|eu basque|fa persian|fi finnish
fo faroese|fr french|gl galician|gu gujarati|ha hausa|haw hawaiian|he hebrew|hi hindi|hr croatian
ht haitian creole,haitian|hu hungarian|hy armenian|id indonesian|is icelandic|it italian
ja japanese|jw javanese|ka georgian|kk kazakh|km khmer|kn kannada|ko korean|la latin
lb luxembourgish,letzeburgesch|ln lingala|lo lao|lt lithuanian|lv latvian|mg malagasy|mi maori
mk macedonian|ml malayalam|mn mongolian|mr marathi|ms malay|mt maltese|my myanmar,burmese|ne nepali
nl dutch,flemish|nn nynorsk|no norwegian|oc occitan|pa punjabi,panjabi|pl polish|ps pashto,pushto
pt portuguese|ro romanian,moldavian,moldovan|ru russian|sa sanskrit|sd sindhi|si sinhala,sinhalese
sk slovak|sl slovenian|sn shona|so somali|sq albanian|sr serbian|su sundanese|sv swedish|sw swahili
ta tamil|te telugu|tg tajik|th thai|tk turkmen|tl tagalog|tr turkish|tt tatar|uk ukrainian|ur urdu
uz uzbek|vi vietnamese|yi yiddish|yo yoruba|yue cantonese|zh chinese,mandarin
"""

_NAMES: Final[dict[str, tuple[str, ...]]] = {}
for _entry in _TABLE.strip().replace("\n", "|").split("|"):
    _code, _, _rest = _entry.partition(" ")
    _NAMES[_code] = tuple(_rest.split(",")) if _code != "yue" else ("cantonese", "chinese,yue")
_CODES: Final = {name: code for code, names in _NAMES.items() for name in (code, *names)}


def code_of(language: str) -> str | None:
    """Return the code of a language given by code or English name, or None."""
    return _CODES.get(language.strip().lower())


def names_of(code: Any) -> tuple[str, ...]:
    """Return the English names of a language code, the usual one first; empty when unknown."""
    return _NAMES.get(code, ()) if isinstance(code, str) else ()
