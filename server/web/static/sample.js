// An invented note to try the page with.
export const sample = `EMERGENCY DEPARTMENT NOTE

Patient: Example, Ines    MRN: TEST-0042
Date of visit: 03/14/2024

CHIEF COMPLAINT: Fever and productive cough.

HISTORY OF PRESENT ILLNESS: Ms. Example is a 58-year-old woman
with three days of fever, productive cough and severe fatigue.
She denies chest pain and hemoptysis. She had an appendectomy
in 2011.

ALLERGIES: Penicillin (hives).

PAST MEDICAL HISTORY:
1. Hypertension.
2. Type 2 diabetes mellitus since 2011.
3. Deep vein thrombosis of the left leg in 2016, resolved.

MEDICATIONS:
1. Lisinopril 20 mg PO once daily.
2. Metformin 1000 mg by mouth twice daily with meals.
3. Acetaminophen 650 mg PO q6h PRN fever.

FAMILY HISTORY: Mother with breast cancer at 52.

PHYSICAL EXAMINATION:
Vital signs on 03/14/2024: BP 142/88 mmHg, heart rate 102,
temperature 38.6 C, SpO2 93% on room air. There are crackles
at the right base.

DATA: WBC 14.2, CRP 118 mg/L. Chest x-ray: right lower lobe opacity.

ASSESSMENT AND PLAN:
1. Possible pneumonia: levofloxacin 750 mg IV daily. If fever
   recurs, start vancomycin 1 g IV every 12 hours.
2. Pulmonary embolism was ruled out by CT angiography.
3. Diabetes: hold metformin.
`;
