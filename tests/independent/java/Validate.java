// Reads FHIR R4 resources from standard input, one a line, and prints for each a JSON array of what HAPI FHIR's validator
// (the HL7 reference validator with the R4 definitions) finds: "severity path: message". Used by test_hapi.py only.
import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import com.google.gson.Gson;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;

public class Validate {
  public static void main(String[] arguments) throws Exception {
    FhirContext context = FhirContext.forR4();
    ValidationSupportChain support = new ValidationSupportChain(
        new DefaultProfileValidationSupport(context),
        new CommonCodeSystemsTerminologyService(context),
        new InMemoryTerminologyServerValidationSupport(context));
    FhirInstanceValidator instance = new FhirInstanceValidator(support);
    FhirValidator validator = context.newValidator().registerValidatorModule(instance);
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    Gson gson = new Gson();
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      List<String> found = new ArrayList<>();
      for (SingleValidationMessage one : validator.validateWithResult(line).getMessages()) {
        if (one.getSeverity() != ResultSeverityEnum.INFORMATION) {
          found.add(one.getSeverity().getCode() + " " + one.getLocationString() + ": " + one.getMessage());
        }
      }
      System.out.println(gson.toJson(found));
    }
  }
}
