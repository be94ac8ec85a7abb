"""Codes for what is segmented: common anatomy, tissues, lesions and substances, with a search.

The codes are SNOMED CT's, as DICOM lists them for segments; the words are what people call the things.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TISSUE", "SegmentCode", "code_for", "search_codes"]

# Categories of DICOM's context group for segments.
_ANATOMY = ("91723000", "Anatomical Structure")
_TISSUE = ("85756007", "Tissue")
_MORPHOLOGY = ("49755003", "Morphologically Abnormal Structure")
_SUBSTANCE = ("91720002", "Body Substance")
_SIDES = {"left": ("7771000", "Left"), "right": ("24028007", "Right")}
_SIDE_WORDS = {"l": "left", "left": "left", "r": "right", "right": "right"}


@dataclass(frozen=True)
class SegmentCode:
    """What one segment is.

    Parameters
    ----------
    value, meaning
        Code of SNOMED CT and its meaning.
    category
        ``(value, meaning)`` of the kind of thing it is.
    words
        Other names, with commas between them.
    paired
        Whether there is a left and a right one.
    side
        ``(value, meaning)`` of Left or Right, or None.
    """

    value: str
    meaning: str
    category: tuple[str, str]
    words: str = ""
    paired: bool = False
    side: tuple[str, str] | None = None

    @property
    def title(self) -> str:
        """Return its name in a list: the meaning, with its side."""
        return f"{self.meaning}, {self.side[1].lower()}" if self.side else self.meaning

    def on(self, side: str) -> SegmentCode:
        """Return the same on one side, ``"left"`` or ``"right"``."""
        return SegmentCode(self.value, self.meaning, self.category, self.words, self.paired, _SIDES[side])


def _table(category: tuple[str, str], rows: str) -> list[SegmentCode]:
    codes = []
    for row in rows.strip().splitlines():
        value, meaning, words, paired = row.split("|")
        codes.append(SegmentCode(value, meaning, category, words, paired == "p"))
    return codes


# value | meaning | other words | p where there is a left and a right one
_CODES: list[SegmentCode] = [
    *_table(
        _ANATOMY,
        """
10200004|Liver||
78961009|Spleen||
64033007|Kidney|renal|p
23451007|Adrenal gland|suprarenal|p
15776009|Pancreas||
28231008|Gallbladder||
69695003|Stomach||
32849002|Esophagus|oesophagus, gullet|
38848004|Duodenum||
30315005|Small intestine|small bowel|
21306003|Jejunum||
34516001|Ileum||
14742008|Large intestine|large bowel|
71854001|Colon||
60184004|Sigmoid colon||
34402009|Rectum||
66754008|Appendix||
87953007|Ureter||p
89837001|Bladder|urinary bladder, bladder, vesica|
13648007|Urethra||
41216001|Prostate||
64739004|Seminal Vesicle||p
40689003|Testis|testicle|p
35039007|Uterus||
15497006|Ovary||p
76784001|Vagina||
76752008|Breast|mamma|p
39607008|Lung||p
44567001|Trachea|windpipe|
955009|Bronchus||p
3120008|Pleura||p
72410000|Mediastinum||
5798000|Diaphragm||
80891009|Heart|cardiac|
87878005|Left ventricle|LV|
53085002|Right ventricle|RV|
82471001|Left atrium|LA|
73829009|Right atrium|RA|
49848007|Left Ventricle Myocardium|LV wall|
76848001|Pericardium||
41801008|Coronary artery||p
15825003|Aorta||
113262008|Thoracic aorta||
7832008|Abdominal aorta||
69105007|Carotid Artery||p
81040000|Pulmonary artery||p
122972007|Pulmonary vein||
2841007|Renal artery||p
10293006|Iliac artery||p
64131007|Inferior vena cava|IVC|
48345005|Superior vena cava|SVC|
32764006|Portal vein||
35819009|Splenic vein||
8993003|Hepatic vein||
59820001|Blood Vessel||
12738006|Brain|whole brain|
372073000|Cerebral hemisphere||p
113305005|Cerebellum||
119238007|Brain Stem|brainstem|
61962009|Midbrain||
389080008|White Matter||
389081007|Gray Matter|grey matter|
66720007|Lateral Ventricle||p
5366008|Hippocampus||p
42695009|Thalamus||p
11000004|Caudate Nucleus|caudate|p
89278009|Putamen||p
14738005|Globus Pallidus|pallidum|p
4958002|Amygdala||p
88442005|Corpus callosum||
244453006|Optic chiasm||
18234004|Optic nerve||p
81745001|Eye|eyeball|p
56329008|Pituitary|hypophysis|
22945000|Inner ear|cochlea|p
2748008|Spinal cord|cord|
69748006|Thyroid|thyroid gland|
45289007|Parotid gland|parotid|p
54019009|Submandibular gland||p
9875009|Thymus||
21974007|Tongue||
54066008|Pharynx||
4596009|Larynx||
59441001|Lymph Node||
89546000|Skull|cranium|
91609006|Mandible|jaw|
421060004|Spine|vertebral column|
51282000|Vertebra||
113197003|Rib||p
56873002|Sternum||
51299004|Clavicle|collarbone|p
79601000|Scapula|shoulder blade|p
85050009|Humerus||p
54735007|Sacrum||
29836001|Hip||p
71341001|Femur|thigh bone|p
64234005|Patella|kneecap|p
12611008|Tibia|shin bone|p
87342007|Fibula||p
74135004|Meniscus||p
4421005|Cell||
84640000|Nucleus|cell nucleus, nucleus|
""",
    ),
    *_table(
        _TISSUE,
        """
85756007|Tissue||
272673000|Bone||
127954009|Skeletal muscle||
71616004|Muscle||
55603005|Fat|adipose tissue|
309312004|Cartilage||
39937001|Skin||
""",
    ),
    *_table(
        _MORPHOLOGY,
        """
52988006|Lesion||
108369006|Neoplasm|tumor, tumour, neoplasm|
372087000|Neoplasm, Primary|primary tumor, GTV, gross tumour volume|
128462008|Metastasis|secondary tumour|
4147007|Mass||
27925004|Nodule||
367643001|Cyst||
50960005|Hemorrhage|haemorrhage, bleeding|
35566002|Hematoma|haematoma|
79654002|Edema|oedema|
6574001|Necrosis||
44132006|Abscess||
85659009|Aneurysm||
396339007|Thrombus|clot|
60046008|Pleural effusion||
1522000|Plaque||
""",
    ),
    *_table(
        _SUBSTANCE,
        """
65216001|Cerebrospinal Fluid|CSF, liquor|
32457005|Body fluid|fluid|
15158005|Air||
74947009|Gas||
""",
    ),
]

TISSUE = next(code for code in _CODES if code.meaning == "Tissue")
"""The code of a segment of which nothing is known but its name."""


def search_codes(text: str, limit: int = 20) -> list[SegmentCode]:
    """Find codes by the beginnings of their words.

    Parameters
    ----------
    text
        What the user typed; a "left" or "right" in it sets the side of what is paired.
    limit
        The most that are returned.

    Returns
    -------
    list of SegmentCode
        The best first; all codes for an empty text.

    Examples
    --------
    >>> [code.title for code in search_codes("left kid")]
    ['Kidney, left']
    """
    typed, side = _words(text)
    found = []
    for order, code in enumerate(_CODES):
        meaning = code.meaning.lower().split()
        known = [*meaning, *code.words.lower().replace(",", " ").split()]
        # "left ventricle" is one thing; "left kidney" is a kidney.
        asked = typed if side is None or code.paired or side not in known else [side, *typed]
        if side is not None and not code.paired and side not in known:
            continue
        if all(any(word.startswith(part) for word in known) for part in asked):
            exact = " ".join(asked) in _names(code)
            at_start = bool(asked) and meaning[0].startswith(asked[0])
            found.append((not exact, not at_start, len(meaning), order, code))
    found.sort(key=lambda entry: entry[:4])
    return [_sided(entry[-1], side) for entry in found[:limit]]


def code_for(name: str) -> SegmentCode | None:
    """Return the code whose meaning or other name is exactly `name`, or None.

    Parameters
    ----------
    name
        Of a label, as people write it.

    Returns
    -------
    SegmentCode or None
        With its side where the name says one.

    Examples
    --------
    >>> code_for("kidney L").title, code_for("something")
    ('Kidney, left', None)
    """
    typed, side = _words(name)
    if not typed:
        return None
    for code in search_codes(name, limit=len(_CODES)):
        asked = typed if code.paired or side is None else [side, *typed]
        if " ".join(asked) in _names(code):
            return code
    return None


def _names(code: SegmentCode) -> set[str]:
    return {code.meaning.lower().replace(",", ""), *(w.strip() for w in code.words.lower().split(","))} - {""}


def _words(text: str) -> tuple[list[str], str | None]:
    words = text.lower().replace(",", " ").replace("_", " ").split()
    sides = [_SIDE_WORDS[w] for w in words if w in _SIDE_WORDS]
    return [w for w in words if w not in _SIDE_WORDS], sides[0] if len(set(sides)) == 1 else None


def _sided(code: SegmentCode, side: str | None) -> SegmentCode:
    return code.on(side) if side is not None and code.paired else code
