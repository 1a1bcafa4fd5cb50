import type { Survey, SurveyedState } from '../catalog/survey.js'
import { noDatabase } from './no-database.js'
import { withProgress } from './output/progress.js'
import { type InspectOptions, withPlaces } from './store-options.js'

/** Surveys the database at the URL. */
export async function surveyed<T>(
  url: string,
  options: InspectOptions,
  work: (survey: Survey) => T | Promise<T>,
): Promise<T> {
  // Loaded here, so that --help is quick.
  const { surveyDatabase } = await import('../catalog/survey.js')
  return await withPlaces(url, options, async (places, openPlace) => {
    const survey = await withProgress('surveying', { unit: 'objects' }, (progress) =>
      surveyDatabase(places, {
        openPlace,
        ...(options.cookie !== undefined && { cookie: options.cookie }),
        onObject: () => progress.add(1),
      }),
    )
    return await work(survey)
  })
}

/**
 * State of the database that the options ask for.
 * @throws UsageError there is no such state; EnvError Corruption: the CLOUDMANIFEST is missing.
 */
export async function stateOf(
  survey: Survey,
  { cookie = '' }: Pick<InspectOptions, 'cookie'>,
): Promise<SurveyedState> {
  const state = survey.states.get(cookie)
  if (!state) throw await noDatabase(survey.places[0], cookie)
  return state
}
