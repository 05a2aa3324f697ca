package note_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"charthand/note"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/unicode"
)

const (
	open   = `<ClinicalDocument xmlns="urn:hl7-org:v3"><component><structuredBody><component>`
	closed = `</component></structuredBody></component></ClinicalDocument>`
)

func unstructured(attributes, content string) string {
	return `<ClinicalDocument xmlns="urn:hl7-org:v3"><title>Letter</title><component><nonXMLBody><text ` + attributes + `>` + content + `</text></nonXMLBody></component></ClinicalDocument>`
}

// What becomes of the parts of documents: the text, and what is said of it.
func TestFormats(t *testing.T) {
	xml16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(`<?xml version="1.0" encoding="UTF-16"?>` + open + `<section><text>Größe</text></section>` + closed)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		contentType, data, want string
		remarks                 []string
	}{
		"blanks": {"text/html", "<p> a \n\t b&nbsp; c </p>", "a b c", nil},
		"blocks": {"text/html", "<h1>A</h1><p>b<br>c<br><br>d<div>e</div>f<ul><li>g<li>h</ul>", "A\n\nb\nc\n\nd\n\ne\nf\n\ng\nh", nil},
		"rows and cells": {
			"text/html", "<table><tr><th>Drug<th>Dose<tr><td><p>Iron<p>oral<td><ul><li>65<li>mg</ul><tr><td><td>x</table>", "Drug\tDose\nIron\r\roral\t65\rmg\nx", nil,
		},
		"a table that lays out": {
			"text/html", "<table><tr><td><p>Gout.<p>Rest.</td></tr></table>", "Gout.\n\nRest.", nil,
		},
		"character references": {"text/html", "<p>&lt;5 &amp; &#x2265;3 &half; &Mu;g &unknown; &ampamp &;", "<5 & ≥3 ½ Μg &unknown; &amp &;", nil},
		"what is hidden": {
			"text/html", `<head><title>T</title></head>a<script>b</script><style>c</style><div hidden>dd</div><p style="color:red; display : none">e<b>f</b></p><!-- g --><template>h</template>i`,
			"a\n\ni", []string{"4 characters that the page hides or strikes out were left out"},
		},
		"what is struck out":              {"text/html", `No <del>known</del> <s>drug</s> allergies`, "No allergies", []string{"9 characters that the page hides or strikes out were left out"}},
		"lines that are kept":             {"text/html", "<pre>a\n  b\r\n\r\nc</pre><div style='white-space:pre-line'>d\ne</div>f\ng", "a\nb\n\nc\n\nd\ne\nf g", nil},
		"powers":                          {"text/html", "10<sup>9</sup>/L, 1<sup>st</sup>, T<sub>4</sub>", "10 9/L, 1st, T4", nil},
		"XHTML":                           {"application/xhtml+xml", `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body><p>Gout<br/>rest</p></body></html>`, "Gout\nrest", nil},
		"XHTML as XML":                    {"text/xml", `<html xmlns="http://www.w3.org/1999/xhtml"><body><p>Gout</p></body></html>`, "Gout", []string{"declared as text/xml, and read as the HTML that the bytes are"}},
		"HTML as text":                    {"text/plain", "<!DOCTYPE html><p>Gout", "Gout", []string{"declared as text/plain, and read as the HTML that the bytes are"}},
		"HTML, undeclared":                {"", "<html><p>Gout", "Gout", []string{"no content type is declared, and the bytes were read as the HTML that they are"}},
		"a page's charset":                {"text/html", "<meta charset=iso-8859-1><p>Gr\xf6\xdfe", "Größe", nil},
		"a charset that a page is not in": {"text/html", "<meta charset=utf-16><p>Größe", "Größe", nil},
		"RTF as text":                     {"text/plain", `{\rtf1 Gout}`, "Gout", []string{"declared as text/plain, and read as the RTF that the bytes are"}},

		"sections": {"text/xml", open + `<section><title>Plan</title><text>Rest<br/>ice</text></section>` + closed, "Plan\n\nRest\nice", nil},
		"CDATA":    {"text/xml", open + `<section><text><![CDATA[<b> & ]]>c</text></section>` + closed, "<b> & c", nil},
		"what is deleted": {
			"text/xml", open + `<section><text><content revised="delete">Warfarin</content> <content revised="insert">Apixaban</content> <del>Iron</del></text></section>` + closed, "Apixaban ",
			[]string{"12 characters that are marked as deleted, struck out or hidden were left out"},
		},
		"powers in a narrative": {"text/xml", open + `<section><text>10<sup><content>9</content></sup>/L</text></section>` + closed, "10 9/L", nil},
		"an entry that denies, with texts": {
			"text/xml", `<component><observation negationInd="true"><code><originalText>Allergy</originalText></code></observation><observation><text>Gout</text></observation></component>`, "Gout",
			[]string{"the document has no section with a narrative: the texts of all its elements were read", "7 characters of entries that deny what they name were left out", "a fragment: the root element is not ClinicalDocument"},
		},
		"a plain body with elements": {"text/xml", unstructured(`mediaType="text/plain"`, "no <b>fever</b>"), "Letter\n\nno fever", nil},
		"prefixes": {
			"text/xml", `<c:ClinicalDocument xmlns:c="urn:hl7-org:v3"><c:component><c:structuredBody><c:component><c:section><c:title>Plan</c:title><c:text><c:list><c:item>Rest</c:item></c:list></c:text></c:section></c:component></c:structuredBody></c:component></c:ClinicalDocument>`,
			"Plan\n\nRest", nil,
		},
		"entries are not read":        {"text/xml", open + `<section><text>Rest</text><entry><observation><text>not this</text><value displayName="nor this"/></observation></entry></section>` + closed, "Rest", nil},
		"lines of its own":            {"text/xml", open + "<section><text>HPI: cough\n   PLAN: rest</text></section>" + closed, "HPI: cough\nPLAN: rest", nil},
		"a charset":                   {"text/xml", `<?xml version="1.0" encoding="ISO-8859-1"?>` + open + "<section><text>Gr\xf6\xdfe</text></section>" + closed, "Größe", nil},
		"a charset that it is not in": {"text/xml", `<?xml version="1.0" encoding="UTF-16"?>` + open + "<section><text>Größe</text></section>" + closed, "Größe", nil},
		"UTF-16":                      {"text/xml", xml16, "Größe", nil},
		"faults": {
			"text/xml", open + `<section xsi:type="x"><text>Rest <b>ice</text></section>&nbsp;<section><text>a&lol;b`, "Rest ice\n\na&lol;b",
			[]string{
				"not well-formed XML: no namespace is bound to the prefix xsi", "not well-formed XML: 1 end tags that do not match",
				"not well-formed XML: 6 elements without an end: the document may be cut off", "not well-formed XML: 1 character references that are not defined",
			},
		},
		"two roots": {
			"text/xml", `<section><text>a</text></section> x <section><text>b</text></section>`, "a\n\nb",
			[]string{"not well-formed XML: 2 root elements", "not well-formed XML: text outside of the root element", "a fragment: the root element is not ClinicalDocument"},
		},
		"a header": {
			"text/xml", `<recordTarget><patientRole><addr><city>Ames</city><state>IA</state></addr></patientRole></recordTarget>`, "Ames\nIA",
			[]string{"the document has no section with a narrative: the texts of all its elements were read", "a fragment: the root element is not ClinicalDocument"},
		},
		"an entry of codes": {
			"text/xml", `<observation><code displayName="Birth sex"/><value code="F" displayName="Female"/></observation>`, "Birth sex\nFemale",
			[]string{"the document has no section with a narrative: the display names of all its elements were read", "a fragment: the root element is not ClinicalDocument"},
		},
		"a body that is text":      {"text/xml", unstructured(`mediaType="text/plain"`, "HPI:\n  cough &amp; fever"), "Letter\n\nHPI:\ncough & fever", nil},
		"a body that is a page":    {"text/xml", unstructured(`mediaType="text/html"`, "&lt;p&gt;Gout&lt;br&gt;rest"), "Letter\n\nGout\nrest", nil},
		"a body that holds a page": {"text/xml", unstructured(`mediaType="text/html"`, "<p>Gout<br/>rest</p>"), "Letter\n\nGout\nrest", nil},
		"a body in CDATA":          {"text/xml", unstructured(`mediaType="text/html"`, "<![CDATA[<p>Gout<br>rest]]>"), "Letter\n\nGout\nrest", nil},
		"a body in base64":         {"text/xml", unstructured(`mediaType="text/rtf" representation="B64"`, "\n e1xydGYx\n IEdvdXR9 "), "Letter\n\nGout", nil},
		"a body of another type":   {"text/xml", unstructured(`mediaType="text/plain" representation="B64"`, "e1xydGYxIEdvdXR9"), "Letter\n\nGout", []string{"declared as text/plain, and read as the RTF that the bytes are"}},
		"what a document type declares": {
			"text/xml", `<!DOCTYPE a [<!ENTITY x "<section><text>no</text></section>"> <!-- ]> -->]>` + open + `<section><text>&x;</text></section>` + closed, "&x;",
			[]string{"the document type declaration was not read: nothing that it declares is put in", "not well-formed XML: 1 character references that are not defined"},
		},

		"paragraphs":             {"text/rtf", `{\rtf1 a\par b\line c\par\par d\tab e}`, "a\nb\nc\n\nd\te", nil},
		"code pages":             {"text/rtf", `{\rtf1\ansicpg1252{\fonttbl{\f0 A;}{\f1\fcharset204 B;}{\f2\fcharset128 C;}}\'e4{\f1 \'e4}{\f2 \'8c\'8c}\u228?\u8804\'3f\emdash}`, "äд血ä≤—", nil},
		"a document's own":       {"text/rtf", "{\\rtf1\\ansicpg1251 \\'e4\xe4}", "дд", nil},
		"Symbol":                 {"text/rtf", `{\rtf1{\fonttbl{\f1\ftech\fcharset2 Symbol;}}5 {\f1 m}g \u-3987?}`, "5 μg μ", nil},
		"fallbacks":              {"text/rtf", `{\rtf1\uc2\u8211ab{\uc0\u8211 c}\u8211\'61\'62d\uc1\u8211{}e}`, "––c–d–e", nil},
		"pairs":                  {"text/rtf", `{\rtf1\u-10179?\u-8704?}`, "😀", nil},
		"what RTF hides":         {"text/rtf", `{\rtf1{\info{\author b}}{\*\new c}a{\v dd}{\strike eee}{\header f}{\pict 89}\bin3 {{{g{\*\shpinst{\sp{\sn h}}{\shptxt i}}}`, "ag\ni", []string{"1 characters in headers and footers were left out", "2 characters hidden were left out", "3 characters struck out were left out"}},
		"rows":                   {"text/rtf", `{\rtf1\trowd\intbl a\par b\cell c\cell\row\intbl d\cell e\cell{\trowd\row}\pard f}`, "a\rb\tc\nd\te\nf", nil},
		"powers in RTF":          {"text/rtf", `{\rtf1 10{\super 9}/L; 1{\super 1}/{\sub 2} tabs; 10\up8 -3\up0 ; T{\sub 4}}`, "10 9/L; 1 1/2 tabs; 10 -3; T4", nil},
		"an empty first cell":    {"text/rtf", `{\rtf1 Iron\cell 81\cell{\trowd\row}{\cell 25\cell}{\trowd\row}x}`, "Iron\t81\n25\nx", nil},
		"a table in a cell":      {"text/rtf", `{\rtf1\trowd a\par\itap2 b\nestcell c\nestcell{\*\nesttableprops\trowd\nestrow}d\nestcell e\nestcell{\*\nesttableprops\trowd\nestrow}\cell f\cell\row g}`, "a\nb\tc\nd\te\nf\ng", nil},
		"one cell that lays out": {"text/rtf", `{\rtf1\trowd Allergies: none\par Iron\cell\row}`, "Allergies: none\nIron", nil},
		"three ways to strike":   {"text/rtf", `{\rtf1{\deleted\strike0 a}{\strike\deleted0 b}{\deleted\plain c}{\strike\plain d}}`, "d", []string{"3 characters struck out were left out"}},
		"fonts that are none":    {"text/rtf", `{\rtf1\deff1{\fonttbl{\f0\fcharset2 Symbol;}{\f1\fcharset0 Arial;}{\f2\fcharset2 Wingdings;}}Pain {\f2\'fe}{\f2\'a8}{\f0\'c6}}`, "Pain ☑☐∅", nil},
		"half a character":       {"text/rtf", `{\rtf1{\fonttbl{\f1\fcharset128 A;}}a{\f1\'83}5 mg}`, "a\uFFFD5 mg", []string{"1 places that are no characters of their code page were read as U+FFFD"}},
		"UTF-8 in RTF":           {"text/rtf", "{\\rtf1\\ansicpg65001 5 \\'c2\\'b5g \xe2\x89\xa5 3}", "5 µg ≥ 3", nil},
		"notes and comments":     {"text/rtf", `{\rtf1 No pain{\footnote No MI} and cough{\annotation who}{\header{\shp{\*\shpinst{\shptxt draft}}}}}`, "No pain\nNo MI\nand cough", []string{"5 characters in headers and footers were left out", "3 characters in comments were left out"}},
		"RTF that is cut":        {"text/rtf", `{\rtf1 gout {\b rest`, "gout rest", []string{"damaged RTF: groups have no end, the document may be cut off"}},
		"no such characters":     {"text/rtf", `{\rtf1{\fonttbl{\f1\fcharset128 A;}}\f1 a\'81\'00b}`, "a\uFFFDb", []string{"1 places that are no characters of their code page were read as U+FFFD"}},
	} {
		t.Run(name, func(t *testing.T) {
			text, remarks, err := note.Decoder{}.Decode(context.Background(), []byte(test.data), test.contentType)
			if err != nil {
				t.Fatal(err)
			}
			if text.Body != test.want {
				t.Errorf("got %q, want %q", text.Body, test.want)
			}
			if diff := cmp.Diff(test.remarks, remarks); diff != "" {
				t.Errorf("remarks (-want +got):\n%s", diff)
			}
			checkMap(t, text, []byte(test.data), nil)
		})
	}
}

// Documents that hold no text that can be had are refused, with why.
func TestFormatsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		data string
		want error
		says string
	}{
		"a body elsewhere":          {unstructured(`mediaType="application/pdf"`, `<reference value="file:///etc/passwd"/>`), note.ErrContentType, "reference to another file"},
		"a compressed body":         {unstructured(`mediaType="text/plain" representation="B64" compression="DF"`, "eJw="), note.ErrContentType, "compressed"},
		"a body that is damaged":    {unstructured(`mediaType="text/plain" representation="B64"`, "R29=dA"), note.ErrDamaged, "base64"},
		"a body that is a picture":  {unstructured(`mediaType="image/png" representation="B64"`, "iVBORw0KGgoAAAANSUhEUg=="), note.ErrContentType, "an image is not read"},
		"a body in a body":          {unstructured(`mediaType="text/xml"`, strings.ReplaceAll(unstructured("", "Gout"), "<", "&lt;")), note.ErrContentType, "inside another"},
		"an empty body":             {unstructured(`mediaType="text/plain" representation="B64"`, ""), note.ErrEmpty, "empty"},
		"an entry that denies":      {`<observation negationInd="true"><value displayName="Gout"/></observation>`, note.ErrEmpty, "empty"},
		"a document without a text": {`<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1"/></ClinicalDocument>`, note.ErrEmpty, "empty"},
		"PDF, which is not read":    {"%PDF-1.7", note.ErrContentType, "not read here"},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasPrefix(test.data, "<ClinicalDocument") && strings.Contains(test.data, "<title>") && name == "an empty body" {
				test.data = strings.Replace(test.data, "<title>Letter</title>", "", 1)
			}
			_, _, err := note.Decoder{}.Decode(context.Background(), []byte(test.data), "text/xml")
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %v with %q", err, test.want, test.says)
			}
		})
	}
}

// The sections of a C-CDA document come with their titles and codes.
func TestHints(t *testing.T) {
	section := func(code, title, text, inside string) string {
		return `<component><section><code code="` + code + `" codeSystem="2.16.840.1.113883.6.1"/>` + title + `<text>` + text + `</text>` + inside + `</section></component>`
	}
	text, _, err := note.Decoder{}.Decode(context.Background(), []byte(`<ClinicalDocument xmlns="urn:hl7-org:v3"><title>Note</title><component><structuredBody>`+
		section("10160-0", "<title>Drugs &amp; doses</title>", "Iron", section("x", "", "None", ""))+section("11450-4", "<title/>", "Gout", "")+section("18776-5", "<title>Plan</title>", "", "")+
		`</structuredBody></component></ClinicalDocument>`), "text/xml")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range text.Hints {
		got = append(got, h.Code+" "+text.Body[h.HeadingStart:h.HeadingEnd]+" | "+strings.Fields(text.Body[h.Start:])[0])
	}
	if diff := cmp.Diff([]string{"10160-0 Drugs & doses | Drugs", "x  | None", "11450-4  | Gout", "18776-5 Plan | Plan"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, text.Body)
	}
}
