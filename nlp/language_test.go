package nlp_test

import (
	"errors"
	"strings"
	"testing"

	"charthand/fixtures"
	"charthand/nlp"
	"charthand/note"
)

// One invented admission note, in other languages.
var foreign = map[string]string{
	"es": "Paciente de 54 años con dolor torácico opresivo desde hace dos horas. Antecedentes de hipertensión arterial y diabetes mellitus tipo 2. Se inicia aspirina 300 mg. No refiere fiebre ni tos. Se decide ingreso en la planta de cardiología.",
	"de": "Der 61-jährige Patient stellt sich mit Belastungsdyspnoe vor. Keine Angina pectoris. Vorerkrankungen: arterielle Hypertonie, Diabetes mellitus. Die Aufnahme erfolgt zur weiteren Abklärung auf die kardiologische Station.",
	"fr": "Patient de 70 ans admis pour insuffisance cardiaque aiguë. Traitement par furosémide 40 mg. Pas de fièvre ni de toux. Antécédents d'hypertension artérielle et de diabète de type 2. Il est hospitalisé dans le service de cardiologie.",
	"it": "Paziente di 45 anni con dolore addominale e febbre da due giorni. Anamnesi patologica remota negativa. Terapia in corso: paracetamolo 1 g. Si ricovera nel reparto di chirurgia per ulteriori accertamenti e per la terapia antibiotica.",
	"pt": "Doente de 33 anos com tosse e febre há três dias. Sem antecedentes relevantes. Medicado com amoxicilina. O exame físico mostra crepitações na base direita, sem outros achados de relevo. Tem alta para o domicílio com consulta marcada.",
	"nl": "Patiënt van 58 jaar met pijn op de borst sinds vanmorgen. Voorgeschiedenis: hypertensie en suikerziekte. Hij gebruikt metoprolol 50 mg. Geen koorts en geen hoesten. Hij wordt opgenomen op de afdeling cardiologie voor verder onderzoek.",
	"pl": "Pacjent lat 62 przyjęty z powodu duszności, która trwa od dwóch dni. W wywiadzie nadciśnienie tętnicze i cukrzyca. Nie gorączkuje, nie kaszle. Został przyjęty na oddział kardiologii w celu dalszej diagnostyki i leczenia.",
	"tr": "54 yaşında erkek hasta iki saattir süren göğüs ağrısı ile başvurdu. Özgeçmişinde hipertansiyon ve şeker hastalığı mevcut. Ateşi ve öksürüğü yok. Hasta ileri tetkik ve tedavi için kardiyoloji servisine yatırıldı.",
	"ru": "Пациент 54 лет поступил с жалобами на боль в груди. В анамнезе гипертония.",
	"ja": "患者、65歳男性。胸痛を主訴に来院。高血圧の既往あり。",
	"zh": "患者男性，六十五岁，因胸痛入院。既往高血压病史。",
	"ar": "مريض يبلغ من العمر ٥٤ عاما يعاني من ألم في الصدر منذ ساعتين",
}

func TestCheckLanguage(t *testing.T) {
	for code, text := range foreign {
		err := nlp.CheckLanguage{Model: "en"}.Annotate(t.Context(), &nlp.Document{Text: note.NewText(text)})
		if fault := new(nlp.LanguageError); !errors.As(err, &fault) || *fault != (nlp.LanguageError{code, "en"}) {
			t.Errorf("a note in %q: %v", code, err)
		}
		d := &nlp.Document{Text: note.NewText(text)}
		if err := (nlp.CheckLanguage{Model: "en", Anyway: true}).Annotate(t.Context(), d); err != nil || len(d.Remarks) != 1 {
			t.Errorf("a note in %q anyway: %v, remarks %q", code, err, d.Remarks)
		}
		for _, model := range []string{code, code + "-XX", "", "tlh"} {
			if err := (nlp.CheckLanguage{Model: model}).Annotate(t.Context(), &nlp.Document{Text: note.NewText(text)}); err != nil {
				t.Errorf("a note in %q for a model of %q: %v", code, model, err)
			}
		}
	}
}

// What a model reads is not refused: whole notes, headings, lists, too little to judge.
func TestOwnLanguage(t *testing.T) {
	texts := fixtures.Dictated(t)
	for _, name := range fixtures.Names(t) {
		texts = append(texts, fixtures.Note(t, name))
	}
	texts = append(texts, "", "   ", "\xff", "Fièvre", "PREOPERATIVE DIAGNOSIS: ACUTE APPENDICITIS. POSTOPERATIVE DIAGNOSIS: PERFORATED APPENDIX. "+
		"ANESTHESIA: GENERAL ENDOTRACHEAL. ESTIMATED BLOOD LOSS: MINIMAL. COMPLICATIONS: NONE. SPECIMENS: APPENDIX.")
	texts = append(texts,
		strings.Repeat("THE PATIENT WAS SEEN IN CLINIC WITH CHEST PAIN. ", 10)+foreign["es"], // little of it is Spanish
		foreign["es"]+strings.Repeat(" The patient was seen in clinic with chest pain, and went home.", 40),
		"Seen today, doing well. Next visit in May.\nИванов Иван Петрович")
	for i, text := range texts {
		if err := (nlp.CheckLanguage{Model: "en"}).Annotate(t.Context(), &nlp.Document{Text: note.NewText(text)}); err != nil {
			t.Errorf("text %d of %d: %v", i, len(texts), err)
		}
	}
}

// A model that reads a language in letters that others have too is not kept from its own notes.
func TestAlikeLanguages(t *testing.T) {
	for model, text := range map[string]string{
		"ja": "既往歴：高血圧症、糖尿病、脂質異常症。胸部単純写真：心拡大、両側胸水貯留。診断：急性心不全、肺水腫疑い。",
		"sr": "Pacijent star 62 godine primljen je zbog otežanog disanja koje traje dva dana. U ličnoj anamnezi hipertenzija i šećerna bolest. Nema temperaturu i ne kašlje. Primljen je na odeljenje kardiologije radi daljeg lečenja.",
	} {
		if err := (nlp.CheckLanguage{Model: model}).Annotate(t.Context(), &nlp.Document{Text: note.NewText(text)}); err != nil {
			t.Errorf("a model of %q: %v", model, err)
		}
	}
}

func FuzzCheckLanguage(f *testing.F) {
	for _, text := range foreign {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		err := nlp.CheckLanguage{Model: "en"}.Annotate(t.Context(), &nlp.Document{Text: note.NewText(text)})
		if fault := new(nlp.LanguageError); err != nil && (!errors.As(err, &fault) || fault.Note == "en" || fault.Note == "") {
			t.Error(err)
		}
	})
}
